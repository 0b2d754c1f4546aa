package pbs

import (
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
	"syscall"
	"time"
)

// tooBadExit is what a job gets whose start a hook has refused.
const tooBadExit = -17

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
