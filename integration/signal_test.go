//go:build e2e

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// await waits until the running command has made a file.
func (s *session) await(name string) {
	s.t.Helper()
	eventually(s.t, "the file "+name+" appears", func() bool {
		_, err := os.Stat(filepath.Join(s.dir, name))
		return err == nil
	})
}

func TestSignalsReachTheCommand(t *testing.T) {
	for _, c := range []struct {
		name   string
		signal syscall.Signal
	}{{"HUP", syscall.SIGHUP}, {"INT", syscall.SIGINT}, {"TERM", syscall.SIGTERM}, {"USR1", syscall.SIGUSR1}, {"XCPU", syscall.SIGXCPU}} {
		t.Run("caught "+c.name, func(t *testing.T) {
			s := newSession(t)
			p := s.start("run", "-q", ref(minimal), "--", "bash", "-c",
				"trap 'echo got "+c.name+"; exit 42' "+c.name+"; touch ready; while :; do sleep 0.05; done")
			s.await("ready")
			if err := p.cmd.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			if r := p.wait().want(42); strings.TrimSpace(r.stdout) != "got "+c.name {
				t.Errorf("the command printed %q", r.stdout)
			}
		})
		t.Run("not caught "+c.name, func(t *testing.T) {
			s := newSession(t)
			p := s.start("run", "-q", ref(minimal), "--", "sh", "-c", ": >ready; exec sleep 60")
			s.await("ready")
			if err := p.cmd.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			// A shell in between reports this as 128+n.
			if r := p.wait(); r.signal != c.signal {
				t.Errorf("ended with status %d, signal %v; want %v", r.code, r.signal, c.signal)
			}
		})
	}
}

func TestShellSees128PlusSignal(t *testing.T) {
	s := newSession(t)
	s.wrap = []string{"/bin/sh", "-c", `"$0" "$@"; exit $?`}
	s.run("run", "-q", ref(minimal), "--", "sh", "-c", "kill -TERM $$").want(128 + int(syscall.SIGTERM))
	s.run("run", "-q", ref(minimal), "--", "sh", "-c", "kill -SEGV $$").want(128 + int(syscall.SIGSEGV))
}

func TestStopAndContinue(t *testing.T) {
	s := newSession(t)
	p := s.start("run", "-q", ref(minimal), "--", "sh", "-c", "touch ready; sleep 0.2; echo went on")
	s.await("ready")
	p.cmd.Process.Signal(syscall.SIGSTOP)
	eventually(t, "the command is stopped", func() bool {
		status, err := os.ReadFile(filepath.Join("/proc", itoa(p.cmd.Process.Pid), "status"))
		return err == nil && strings.Contains(string(status), "State:\tT")
	})
	p.cmd.Process.Signal(syscall.SIGCONT)
	if r := p.wait().want(0); r.stdout != "went on\n" {
		t.Errorf("the command printed %q", r.stdout)
	}
}
