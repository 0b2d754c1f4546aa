//go:build e2e

package integration

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/integration/ordinary"
)

// patience is how long a single command may take, or anything that must happen, before its
// test fails. It only ends what would never end: nothing waits longer because of it.
const patience = 2 * time.Minute

// session is one test's way of running jrun: as a user, in a directory, with a
// store and an environment. What is left of it is checked when the test ends.
type session struct {
	t     *testing.T
	user  *ordinary.Account
	dir   string // the test's files; belongs to the user
	cwd   string // where commands start: dir if nothing else is said
	store string
	env   map[string]string
	stdin io.Reader
	// wrap, if set, is the beginning of the command line that runs jrun.
	wrap []string
	// node, if set, is the simulated machine that jrun runs on.
	node *node
}

// newSession uses the store that all tests share, where an image may be
// converted already.
func newSession(t *testing.T) *session { return sessionAs(t, lab.user, lab.store) }

// freshSession has a store of its own with nothing in it.
func freshSession(t *testing.T) *session {
	s := newSession(t)
	s.setStore(filepath.Join(s.dir, "store"))
	return s
}

func sessionAs(t *testing.T, user *ordinary.Account, store string) *session {
	t.Helper()
	dir, err := os.MkdirTemp(lab.dir, "test-")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chown(dir, user.UID, user.GID)); err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, user: user, dir: dir, cwd: dir, env: user.Environment()}
	s.setStore(store)
	before := leftovers(user)
	t.Cleanup(func() {
		requireNothingLeft(t, user, s.store, before)
		// A store may hold directories that its owner made unwritable.
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("removing the test's directory: %v", err)
		}
	})
	return s
}

func (s *session) setStore(dir string) {
	s.store = dir
	s.env["JRUN_STORE"] = dir
}

// write makes a file of the user in the session's directory.
func (s *session) write(name, content string, mode os.FileMode) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	err := os.WriteFile(path, []byte(content), mode)
	err = errors.Join(err, os.Chmod(path, mode), os.Chown(path, s.user.UID, s.user.GID))
	if err != nil {
		s.t.Fatal(err)
	}
	return path
}

// read returns what is in a file of the session's directory.
func (s *session) read(name string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// result is how a command ended.
type result struct {
	t              *testing.T
	line           string // the command, for messages
	code           int    // exit status; -1 when a signal ended it
	signal         syscall.Signal
	pid            int
	stdout, stderr string
}

// process is a command that runs.
type process struct {
	s              *session
	cmd            *exec.Cmd
	cancel         context.CancelFunc
	stdout, stderr bytes.Buffer
}

// command is a command line as the session's user, with jrun's path first.
func (s *session) command(ctx context.Context, args ...string) *exec.Cmd {
	line := append(slices.Clone(s.wrap), lab.jrun)
	if s.node != nil {
		line = append(s.node.enter(s.user, s.cwd), line...)
	}
	line = append(line, args...)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Stdin = s.stdin
	for _, key := range slices.Sorted(maps.Keys(s.env)) {
		cmd.Env = append(cmd.Env, key+"="+s.env[key])
	}
	if s.node == nil {
		cmd.Dir = s.cwd
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.user.Credential()}
	}
	return cmd
}

// start runs jrun in the background.
func (s *session) start(args ...string) *process {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	p := &process{s: s, cmd: s.command(ctx, args...), cancel: cancel}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	// A process that jrun left behind must not make Wait hang on its pipes.
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { cancel(); p.cmd.Process.Kill() })
	return p
}

// wait returns how the process ended.
func (p *process) wait() *result {
	p.s.t.Helper()
	err := p.cmd.Wait()
	p.cancel()
	r := &result{
		t: p.s.t, line: strings.Join(p.cmd.Args[len(p.s.wrap)+1:], " "), pid: p.cmd.Process.Pid,
		stdout: p.stdout.String(), stderr: p.stderr.String(),
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.s.t.Fatalf("%s: %v\n%s", r.line, err, r.stderr)
	}
	status := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	r.code = status.ExitStatus()
	if status.Signaled() {
		r.signal = status.Signal()
	}
	return r
}

// run runs jrun to its end.
func (s *session) run(args ...string) *result {
	s.t.Helper()
	return s.start(args...).wait()
}

// ok runs jrun, which must succeed, and returns what it printed, without the
// last line end.
func (s *session) ok(args ...string) string {
	s.t.Helper()
	return strings.TrimSuffix(s.run(args...).want(0).stdout, "\n")
}

// sh runs a shell script in the minimal image and returns what it printed.
func (s *session) sh(script string) string {
	s.t.Helper()
	return s.ok("run", "--quiet", ref(minimal), "--", "sh", "-c", script)
}

// want checks the exit status.
func (r *result) want(code int) *result {
	r.t.Helper()
	if r.code != code || r.signal != 0 {
		r.t.Fatalf("jrun %s\n ended with status %d, signal %v; want status %d\nstdout: %s\nstderr: %s",
			r.line, r.code, r.signal, code, r.stdout, r.stderr)
	}
	return r
}

// faultShape is what a person sees of an error: what, why, what to type next.
var faultShape = regexp.MustCompile(`(?m)^jrun: .+\n(?:  why:  .+\n)(?:  next: .+\n)+\z`)

// wantFault checks the exit status, that stderr ends with an error of three
// parts, that each part of text is in it, and that stdout is empty.
func (r *result) wantFault(code int, text ...string) *result {
	r.t.Helper()
	r.want(code)
	shape := faultShape.FindString(r.stderr)
	if shape == "" {
		r.t.Errorf("jrun %s\n does not end with an error of three parts:\n%s", r.line, r.stderr)
	}
	for _, part := range text {
		if !strings.Contains(strings.ToLower(shape), strings.ToLower(part)) {
			r.t.Errorf("jrun %s\n has an error that does not mention %q:\n%s", r.line, part, r.stderr)
		}
	}
	if r.stdout != "" {
		r.t.Errorf("jrun %s\n printed to stdout before it failed: %q", r.line, r.stdout)
	}
	return r
}

// eventually waits until check is true.
func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if check() {
			return
		}
	}
	t.Fatalf("this did not happen within %v: %s", patience, what)
}
