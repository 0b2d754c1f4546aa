//go:build e2e

package builder

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/integration/ordinary"
)

// patience is how long a single command may take before its test fails, and ending how long
// what a command has left may take to end. They only end what would never end.
const (
	patience = 3 * time.Minute
	ending   = time.Minute
)

// session is one test's way of running jbuild: as a user, with a home and data of its
// own.
type session struct {
	t    *testing.T
	user *ordinary.Account
	home string
	env  []string
	// stdin is what the next commands read.
	stdin string
}

// eachUser runs a test as a user without subordinate ids, and as one with.
func eachUser(t *testing.T, test func(t *testing.T, s *session)) {
	t.Run("single", func(t *testing.T) { test(t, newSession(t, lab.plain)) })
	t.Run("ranges", func(t *testing.T) {
		if lab.ranges == nil {
			t.Skip("needs root, to be jbuild-test2, who has subordinate ids")
		}
		test(t, newSession(t, lab.ranges))
	})
}

func newSession(t *testing.T, user *ordinary.Account) *session {
	t.Helper()
	home, err := os.MkdirTemp(lab.dir, "home-")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(home, 0o700), os.Chown(home, user.UID, user.GID)); err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, user: user, home: home}
	s.env = []string{
		"HOME=" + home, "USER=" + user.Name, "LOGNAME=" + user.Name, "LANG=C.UTF-8", "TERM=xterm",
		"PATH=" + filepath.Dir(lab.jbuild) + ":/usr/local/bin:/usr/bin:/bin",
	}
	if user == lab.plain {
		s.env = append(s.env, "JBUILD_IDS=single") // where the tests' own user has ids
	}
	for _, name := range []string{"SSL_CERT_FILE", "http_proxy", "https_proxy", "no_proxy"} {
		if value := os.Getenv(name); value != "" {
			s.env = append(s.env, name+"="+value)
		}
	}
	t.Cleanup(func() {
		s.nothingRuns()
		// Files of subordinate ids are nobody's outside of their namespace.
		if err := os.RemoveAll(home); err != nil {
			t.Errorf("removing the test's home: %v", err)
		}
	})
	return s
}

// nothingRuns fails the test if a process of the user is left.
func (s *session) nothingRuns() {
	s.t.Helper()
	if s.user.Credential() == nil {
		return // the tests' own user has other things to run
	}
	var left string
	for deadline := time.Now().Add(ending); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		out, _ := exec.Command("ps", "-o", "pid=,stat=,args=", "-u", s.user.Name).Output()
		left = ""
		for line := range strings.Lines(string(out)) {
			if f := strings.Fields(line); len(f) > 1 && !strings.HasPrefix(f[1], "Z") {
				left += line
			}
		}
		if left == "" {
			return
		}
	}
	s.t.Errorf("still running:\n%s", left)
}

// result is how a command ended.
type result struct {
	t              *testing.T
	line           string
	code           int // 128+n after signal n
	stdout, stderr string
}

func (s *session) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Dir = s.env, s.home
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.user.Credential()}
	return cmd
}

// run runs jbuild.
func (s *session) run(args ...string) *result {
	s.t.Helper()
	return s.runProgram(lab.jbuild, args...)
}

func (s *session) runProgram(program string, args ...string) *result {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	cmd := s.command(ctx, program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if s.stdin != "" {
		cmd.Stdin = strings.NewReader(s.stdin)
	}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		s.t.Fatalf("%s %s: %v\n%s", filepath.Base(program), strings.Join(args, " "), errors.Join(err, ctx.Err()), stderr.String())
	}
	code := cmd.ProcessState.ExitCode()
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		code = 128 + int(ws.Signal())
	}
	return &result{t: s.t, line: filepath.Base(program) + " " + strings.Join(args, " "), code: code, stdout: stdout.String(), stderr: stderr.String()}
}

// ok fails the test unless the command succeeded.
func (r *result) ok() *result {
	r.t.Helper()
	return r.status(0)
}

func (r *result) status(want int) *result {
	r.t.Helper()
	if r.code != want {
		r.t.Fatalf("%s: status %d, not %d\n%s%s", r.line, r.code, want, r.stdout, r.stderr)
	}
	return r
}

// says fails the test unless all words are in what the command printed.
func (r *result) says(words ...string) *result {
	r.t.Helper()
	for _, w := range words {
		if !strings.Contains(r.stdout+r.stderr, w) {
			r.t.Errorf("%s does not say %q:\n%s%s", r.line, w, r.stdout, r.stderr)
		}
	}
	return r
}

// fails wants a refusal in three parts that contains the words.
func (r *result) fails(words ...string) *result {
	r.t.Helper()
	r.status(125).says(words...)
	if !strings.Contains(r.stderr, "  next: ") {
		r.t.Errorf("%s does not say what to do:\n%s", r.line, r.stderr)
	}
	return r
}
