package pbs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
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

// tooBadExit is what a job gets whose start a hook has refused.
const tooBadExit = -17

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

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// answer is what the hook decides; see pbs/testdata/run_hook.py.
type answer struct {
	Accepted               bool
	Error, Message, Stderr string
	Progname               string
	Argv                   []string
}

// ask asks the hook what to start.
func (m *Mom) ask(r *running, program string, args []string) (answer, error) {
	job := map[string]any{"Job_Name": "STDIN", "euser": m.user.Name, "Variable_List": r.job.Variables}
	if r.job.Image != "" {
		job["Resource_List"] = map[string]string{pbs.ImageResource: r.job.Image}
	}
	event, err := json.Marshal([]any{map[string]any{
		"event": "execjob_launch", "job": job, "progname": program, "argv": append([]string{}, args...), "config": m.settings,
	}})
	if err != nil {
		return answer{}, err
	}
	cmd := exec.Command("python3", filepath.Join(m.source, "testdata", "run_hook.py"), filepath.Join(m.source, "hook.py"))
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stdin = bytes.NewReader(event)
	out, err := cmd.Output()
	if err != nil {
		return answer{}, fmt.Errorf("running the hook: %w", err)
	}
	var answers []answer
	if err := json.Unmarshal(out, &answers); err != nil {
		return answer{}, err
	}
	return answers[0], nil
}

// launch starts a program of a job and waits for it. Without args it is a shell.
func (m *Mom) launch(r *running, program string, args []string, stdin io.Reader, stdout, stderr io.Writer, terminal *os.File) (int, error) {
	a, err := m.ask(r, program, args)
	if err != nil {
		return tooBadExit, err
	}
	if !a.Accepted {
		_, err := io.WriteString(stderr, a.Stderr)
		return tooBadExit, err
	}
	argv := a.Argv
	if len(args) == 0 {
		argv = append([]string{"-" + filepath.Base(a.Progname)}, argv[min(1, len(argv)):]...)
	}
	// A child's umask is what only a child can set.
	cmd := exec.Command("/bin/bash", append([]string{"-c", `umask 077; exec -a "$0" "$@"`, argv[0], a.Progname}, argv[1:]...)...)
	cmd.Dir = m.user.Home
	for _, name := range slices.Sorted(maps.Keys(r.env)) {
		cmd.Env = append(cmd.Env, name+"="+r.env[name])
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: m.user.Credential(), Setsid: true}
	if terminal != nil {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
		cmd.SysProcAttr.Setctty = true
	}
	cmd.WaitDelay = 20 * time.Second
	if err := cmd.Start(); err != nil {
		return -1, err
	}
	r.mu.Lock()
	r.sessions = append(r.sessions, cmd.Process.Pid)
	deleted := r.deleted || r.again
	r.mu.Unlock()
	if deleted {
		_ = cmd.Process.Signal(syscall.SIGTERM)
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return -1, err
	}
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return 256 + int(status.Signal()), nil
	}
	return status.ExitStatus(), nil
}

// clean is the end of a job on a node.
func (m *Mom) clean(r *running) {
	r.signal(syscall.SIGKILL)
	for _, suffix := range []string{".SC", ".JB"} {
		_ = os.Remove(m.jobFile(r.id, suffix))
	}
	_ = os.Remove(filepath.Join(m.home(), "aux", r.id))
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

// Delete ends a job.
func (m *Mom) Delete(_ context.Context, id string) error {
	r := m.job(id)
	r.mu.Lock()
	r.deleted = true
	r.mu.Unlock()
	m.kill(r)
	return nil
}

// Rerun ends a job and starts it again.
func (m *Mom) Rerun(_ context.Context, id string) error {
	r := m.job(id)
	r.mu.Lock()
	r.again = true
	r.mu.Unlock()
	m.kill(r)
	return nil
}

func (m *Mom) kill(r *running) {
	r.signal(syscall.SIGTERM)
	r.mu.Lock()
	sessions := slices.Clone(r.sessions)
	r.mu.Unlock()
	time.AfterFunc(m.KillDelay, func() { signalSessions(sessions, syscall.SIGKILL) })
}

func (r *running) signal(s syscall.Signal) {
	r.mu.Lock()
	sessions := slices.Clone(r.sessions)
	r.mu.Unlock()
	signalSessions(sessions, s)
}

// signalSessions signals every process of the sessions.
func signalSessions(sessions []int, s syscall.Signal) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well formed
	for _, name := range stats {
		text := readAll(name)
		fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:]) // state ppid pgrp session
		if len(fields) < 4 {
			continue
		}
		session, err := strconv.Atoi(fields[3])
		pid, pidErr := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err == nil && pidErr == nil && slices.Contains(sessions, session) {
			_ = syscall.Kill(pid, s)
		}
	}
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

// serveTasks starts the tasks that jobs ask for.
func (m *Mom) serveTasks() {
	for {
		conn, err := m.tm.Accept()
		if err != nil {
			return // closed
		}
		go m.serveTask(conn)
	}
}

func (m *Mom) serveTask(conn net.Conn) {
	defer conn.Close()
	var asked struct {
		Job     string
		Command []string
	}
	if err := json.NewDecoder(conn).Decode(&asked); err != nil {
		return
	}
	r := m.job(asked.Job)
	if r == nil || len(asked.Command) == 0 {
		return
	}
	exit, err := m.launch(r, asked.Command[0], asked.Command, nil, conn, conn, nil)
	if err != nil {
		fmt.Fprintln(conn, err)
	}
	_, _ = conn.Write([]byte{byte(exit)})
}
