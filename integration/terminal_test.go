//go:build e2e

package integration

import (
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jrun-hpc/jrun/integration/ordinary"
)

// terminal is a pseudo terminal with jrun as its session's leader.
type terminal struct {
	*process
	master *os.File

	mu   sync.Mutex
	text strings.Builder // what appeared on the screen
	done chan struct{}
}

// startOnTerminal runs jrun as a person would, on a terminal of 33 by 99.
func (s *session) startOnTerminal(args ...string) *terminal {
	s.t.Helper()
	master, slave, err := ordinary.OpenTerminal(s.user)
	if err != nil {
		s.t.Fatal(err)
	}
	defer slave.Close()
	s.env["TERM"] = "xterm"
	s.env["HISTFILE"] = "/dev/null"
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	p := &process{s: s, cmd: s.command(ctx, args...), cancel: cancel}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = slave, slave, slave
	p.cmd.SysProcAttr.Setsid, p.cmd.SysProcAttr.Setctty = true, true
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { cancel(); p.cmd.Process.Kill(); master.Close() })
	term := &terminal{process: p, master: master, done: make(chan struct{})}
	go term.collect()
	return term
}

func (term *terminal) collect() {
	defer close(term.done)
	buf := make([]byte, 4096)
	for {
		n, err := term.master.Read(buf) // EIO when the last user of the terminal ended
		term.mu.Lock()
		term.text.Write(buf[:n])
		term.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (term *terminal) screen() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.text.String()
}

// expect waits until text appears on the screen.
func (term *terminal) expect(text string) {
	term.s.t.Helper()
	defer func() {
		if term.s.t.Failed() {
			term.s.t.Logf("the screen: %q", term.screen())
		}
	}()
	eventually(term.s.t, fmt.Sprintf("%q appears on the screen", text), func() bool {
		return strings.Contains(term.screen(), text)
	})
}

func (term *terminal) typeKeys(keys string) {
	term.s.t.Helper()
	if _, err := io.WriteString(term.master, keys); err != nil {
		term.s.t.Fatal(err)
	}
}

// end waits for the process and returns its result, with the screen as stdout.
func (term *terminal) end() *result {
	term.s.t.Helper()
	r := term.wait()
	<-term.done
	r.stdout = term.screen()
	return r
}

func TestTerminal(t *testing.T) {
	s := newSession(t)
	s.ok("pull", "-q", ref(minimal))
	const script = "test -t 0 && test -t 1 && test -t 2 && echo all terminals; stty size; " +
		"echo color >/dev/tty; test $(ps -o tty= -p $$ 2>/dev/null || echo same) && echo controlled"
	screen := s.startOnTerminal("run", "-q", ref(minimal), "--", "sh", "-c", script).end().want(0).stdout
	for _, text := range []string{"all terminals", "33 99", "color", "controlled"} {
		if !strings.Contains(screen, text) {
			t.Errorf("%q is not on the screen: %q", text, screen)
		}
	}
}

func TestTerminalKeysAndJobControl(t *testing.T) {
	s := newSession(t)
	s.ok("pull", "-q", ref(minimal))
	term := s.startOnTerminal("shell", "-q", ref(minimal))
	term.typeKeys("PS1='ready> '; set -m; echo interactive $-\n")
	term.expect("interactive ")
	term.typeKeys("trap 'echo interrupted' INT; sleep 30\n")
	term.expect("sleep 30")
	eventually(t, "sleep runs in the foreground", func() bool { return runs(s.user, "sleep") })
	term.typeKeys("\x03")
	eventually(t, "Ctrl-C ends sleep", func() bool { return !runs(s.user, "sleep") })
	term.typeKeys("sleep 31\n")
	eventually(t, "sleep runs in the foreground", func() bool { return runs(s.user, "sleep") })
	term.typeKeys("\x1a")
	term.expect("Stopped")
	term.typeKeys("kill %1; exit 5\n")
	term.typeKeys("exit 5\n") // a shell with stopped jobs asks once
	r := term.end().want(5)
	if strings.Contains(r.stdout, "no job control") {
		t.Errorf("no job control: %q", r.stdout)
	}
}

func TestCtrlCEndsTheCommand(t *testing.T) {
	s := newSession(t)
	s.ok("pull", "-q", ref(minimal))
	term := s.startOnTerminal("run", "-q", ref(minimal), "--", "sh", "-c", "echo started; sleep 30")
	term.expect("started")
	term.typeKeys("\x03")
	if r := term.end(); r.signal != syscall.SIGINT {
		t.Errorf("ended with status %d, signal %v; want SIGINT", r.code, r.signal)
	}
}

// TestProgress: a bar on a terminal, plain lines otherwise, silence if asked.
func TestProgress(t *testing.T) {
	s := freshSession(t)
	screen := s.startOnTerminal("pull", ref(minimal)).end().want(0).stdout
	if !strings.Contains(screen, "\r") || !regexp.MustCompile(`\d+ ?%`).MatchString(screen) {
		t.Errorf("no bar with a percentage on the terminal: %q", screen)
	}
	s.ok("rm", ref(minimal))
	r := s.run("pull", ref(minimal)).want(0)
	if r.stderr == "" || strings.ContainsAny(r.stderr, "\r\x1b") {
		t.Errorf("progress in a log is not plain lines: %q", r.stderr)
	}
	s.ok("rm", ref(minimal))
	if r := s.run("pull", "--quiet", ref(minimal)).want(0); r.stderr != "" {
		t.Errorf("--quiet printed %q", r.stderr)
	}
}

// runs says whether the user runs a program of this name.
func runs(user *ordinary.Account, name string) bool {
	for _, p := range allProcesses(user) {
		if p.args[0] == name {
			return true
		}
	}
	return false
}
