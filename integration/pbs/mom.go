package pbs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/jrun-hpc/jrun/integration/ordinary"
	"github.com/jrun-hpc/jrun/pbs"
)

// Mom starts jobs as pbs_mom does.
type Mom struct {
	dir      string // exec and home of PBS, and pbs.conf
	source   string // the project's pbs folder, where the hook is
	user     *ordinary.Account
	settings pbs.Settings

	// KillDelay is between SIGTERM and SIGKILL; 10 s is PBS's own.
	KillDelay time.Duration

	mu   sync.Mutex
	last int
	jobs map[string]*running
	tm   net.Listener
}

// NewMom makes one whose files are in dir, which the user can reach. Source is the
// folder of the package that has the hook.
func NewMom(ctx context.Context, dir, source string, user *ordinary.Account, settings pbs.Settings) (*Mom, error) {
	m := &Mom{dir: dir, source: source, user: user, settings: settings, KillDelay: 2 * time.Second, jobs: map[string]*running{}}
	for _, d := range []string{"exec/bin", "home/mom_priv/jobs", "home/aux"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	conf := fmt.Sprintf("PBS_EXEC=%s\nPBS_HOME=%s\nPBS_SERVER=fake\n", m.exec(), m.home())
	if err := os.WriteFile(filepath.Join(dir, "pbs.conf"), []byte(conf), 0o644); err != nil {
		return nil, err
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(m.exec(), "bin", "pbs_tmrsh"), "./tmrsh")
	build.Dir = filepath.Join(source, "..", "integration", "pbs")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building tmrsh: %w: %s", err, out)
	}
	socket := filepath.Join(m.exec(), "bin", "mom")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	m.tm = listener
	go m.serveTasks()
	return m, os.Chmod(socket, 0o666)
}

// Close ends the service for tasks.
func (m *Mom) Close() error { return m.tm.Close() }

// Name is for messages.
func (m *Mom) Name() string { return "stand-in" }

// Nodes is 2, but all are this machine.
func (m *Mom) Nodes() int { return 2 }

func (m *Mom) exec() string { return filepath.Join(m.dir, "exec") }
func (m *Mom) home() string { return filepath.Join(m.dir, "home") }

func (m *Mom) jobFile(id, suffix string) string {
	return filepath.Join(m.home(), "mom_priv", "jobs", id+suffix)
}

// Submit starts the job at once.
func (m *Mom) Submit(_ context.Context, j Job) ([]string, error) {
	m.mu.Lock()
	m.last++
	ids := []string{fmt.Sprintf("%d.fake", m.last)}
	if j.Array > 0 {
		ids = nil
		for i := range j.Array {
			ids = append(ids, fmt.Sprintf("%d[%d].fake", m.last, i+1))
		}
	}
	m.mu.Unlock()
	for i, id := range ids {
		r, err := m.prepare(id, i+1, j)
		if err != nil {
			return nil, err
		}
		go m.runBatch(r)
	}
	return ids, nil
}

// runBatch runs a job to its end, again if it is asked to.
func (m *Mom) runBatch(r *running) {
	defer close(r.done)
	for {
		r.result = m.runOnce(r)
		r.mu.Lock()
		again := r.again
		r.again, r.sessions = false, nil
		r.mu.Unlock()
		if !again {
			break
		}
	}
	m.clean(r)
}

func (m *Mom) runOnce(r *running) Result {
	stdout, err1 := os.OpenFile(filepath.Join(r.dir, "stdout"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	stderr, err2 := os.OpenFile(filepath.Join(r.dir, "stderr"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err := errors.Join(err1, err2); err != nil {
		return Result{Exit: -1, Stderr: err.Error()}
	}
	defer stdout.Close()
	defer stderr.Close()
	var stdin io.Reader
	program, args := firstOf(r.job.Shell, r.env["SHELL"]), []string(nil)
	if r.job.Script != "" {
		stdin = strings.NewReader(m.jobFile(r.id, ".SC") + "\n")
	} else {
		program, args = r.job.Command[0], r.job.Command
	}
	exit, err := m.launch(r, program, args, stdin, stdout, stderr, nil)
	if err != nil {
		fmt.Fprintln(stderr, err)
	}
	return Result{Exit: exit}
}

// Wait waits for the end of a job.
func (m *Mom) Wait(ctx context.Context, id string) (Result, error) {
	r := m.job(id)
	if r == nil {
		return Result{}, fmt.Errorf("there is no job %s", id)
	}
	select {
	case <-ctx.Done():
		return Result{}, fmt.Errorf("waiting for job %s: %w; its standard error: %s", id, ctx.Err(), m.Stderr(id))
	case <-r.done:
	}
	result := r.result
	result.Stdout, result.Stderr = readAll(filepath.Join(r.dir, "stdout")), m.Stderr(id)
	return result, nil
}

func (m *Mom) job(id string) *running {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.jobs[id]
}

// Stderr is what a job has written.
func (m *Mom) Stderr(id string) string { return readAll(filepath.Join(m.dir, "job-"+id, "stderr")) }

func readAll(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(text)
}

// Interactive runs the shell on a terminal.
func (m *Mom) Interactive(_ context.Context, j Job) (*Session, error) {
	master, slave, err := ordinary.OpenTerminal(m.user)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.last++
	id := fmt.Sprintf("%d.fake", m.last)
	m.mu.Unlock()
	r, err := m.prepare(id, 0, j)
	if err != nil {
		return nil, err
	}
	r.env["PBS_ENVIRONMENT"], r.env["TERM"] = "PBS_INTERACTIVE", "xterm"
	go func() {
		defer close(r.done)
		defer slave.Close()
		exit, err := m.launch(r, firstOf(j.Shell, r.env["SHELL"]), nil, nil, slave, slave, slave)
		r.result = Result{Exit: exit}
		if err != nil {
			fmt.Fprintln(slave, err)
		}
		m.clean(r)
	}()
	return &Session{Terminal: master, Wait: func() error { <-r.done; return nil }}, nil
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
