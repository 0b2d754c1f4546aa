package pbs

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// running is a job that has been started.
type running struct {
	id   string
	job  Job
	dir  string // its files: stdout, stderr
	env  map[string]string
	done chan struct{}

	mu       sync.Mutex
	sessions []int // of its tasks
	deleted  bool
	again    bool // qrerun
	result   Result
}

// prepare writes what a MoM gets from the server.
func (m *Mom) prepare(id string, index int, j Job) (*running, error) {
	r := &running{id: id, job: j, done: make(chan struct{}), dir: filepath.Join(m.dir, "job-"+id)}
	nodes := filepath.Join(m.home(), "aux", id)
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		m.user.Mkdir(r.dir),
		os.WriteFile(m.jobFile(id, ".JB"), nil, 0o600),
		os.WriteFile(nodes, []byte(strings.Repeat(host+"\n", max(1, j.Nodes))), 0o644),
	)
	if err == nil && j.Script != "" {
		script := m.jobFile(id, ".SC")
		err = errors.Join(os.WriteFile(script, []byte(j.Script), 0o700), os.Chown(script, m.user.UID, m.user.GID))
	}
	r.env = m.user.Environment()
	delete(r.env, "TERM")
	maps.Copy(r.env, map[string]string{
		"PATH": "/bin:/usr/bin", "PBS_JOBID": id, "PBS_JOBNAME": "STDIN", "PBS_ENVIRONMENT": "PBS_BATCH", "PBS_QUEUE": "workq",
		"PBS_O_WORKDIR": j.Dir, "PBS_O_HOST": host, "PBS_O_HOME": m.user.Home, "PBS_O_PATH": "/usr/local/bin:/usr/bin:/bin",
		"PBS_NODEFILE": nodes, "PBS_JOBDIR": m.user.Home, "PBS_JOBCOOKIE": "0123", "PBS_MOMPORT": "15003", "PBS_NODENUM": "0",
		"PBS_TASKNUM": "1", "NCPUS": "1", "OMP_NUM_THREADS": "1", "PBS_CONF_FILE": filepath.Join(m.dir, "pbs.conf"),
	})
	if j.Array > 0 {
		r.env["PBS_ARRAY_INDEX"] = strconv.Itoa(index)
	}
	maps.Copy(r.env, j.Variables)
	m.mu.Lock()
	m.jobs[id] = r
	m.mu.Unlock()
	return r, err
}

// clean is the end of a job on a node.
func (m *Mom) clean(r *running) {
	r.signal(syscall.SIGKILL)
	for _, suffix := range []string{".SC", ".JB"} {
		_ = os.Remove(m.jobFile(r.id, suffix))
	}
	_ = os.Remove(filepath.Join(m.home(), "aux", r.id))
}
