//go:build e2e

package builder

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/terminal/screen"
)

// shell is jbuild shell on a terminal.
type shell struct {
	*screen.Screen
	s      *session
	prompt string
	cancel context.CancelFunc
	ended  chan error
}

// startShell starts jbuild shell and waits for its prompt.
func (s *session) startShell(name string) *shell {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	sh := &shell{Screen: screen.New(s.t, 200, 50), s: s, prompt: "[" + name + "] root:", cancel: cancel, ended: make(chan error, 1)}
	sh.Patience = time.Minute
	if err := os.Chown(sh.Line().Name(), s.user.UID, s.user.GID); err != nil {
		s.t.Fatal(err)
	}
	cmd := s.command(ctx, lab.jbuild, "shell", name)
	sh.Start(cmd)
	go func() { sh.ended <- cmd.Wait(); close(sh.ended) }()
	s.t.Cleanup(func() {
		cancel()
		<-sh.ended
	})
	sh.ready()
	return sh
}

// ready waits until the last line is a prompt with nothing behind it.
func (sh *shell) ready() {
	sh.s.t.Helper()
	sh.Until(func() string {
		column, row, _ := sh.Cursor()
		lines := strings.Split(sh.Text(), "\n")
		if row < len(lines) && strings.HasPrefix(lines[row], sh.prompt) && column <= len(lines[row])+1 && strings.HasSuffix(lines[row], "#") {
			return ""
		}
		return fmt.Sprintf("no prompt:\n%s", sh.Text())
	})
}

// clear empties the screen but for a prompt, so that the prompt that is waited for next
// is a new one.
func (sh *shell) clear() {
	sh.s.t.Helper()
	sh.Type("\x0c")
	sh.Until(func() string {
		if _, row, _ := sh.Cursor(); row != 0 || strings.Count(sh.Text(), "\n") > 1 {
			return fmt.Sprintf("the screen is not empty:\n%s", sh.Text())
		}
		return ""
	})
	sh.ready()
}

// types a command, which may have several lines, and waits for the next prompt.
func (sh *shell) types(text string) {
	sh.s.t.Helper()
	sh.clear()
	if given, interrupted := strings.CutSuffix(text, "\x03"); interrupted {
		sh.Type(given)
		sh.Wait(given)
		sh.Press("ctrl+c")
	} else {
		sh.Type(strings.ReplaceAll(text, "\n", "\r") + "\r")
		sh.Until(func() string {
			if _, row, _ := sh.Cursor(); row == 0 {
				return fmt.Sprintf("the command has not been taken:\n%s", sh.Text())
			}
			return ""
		})
	}
	sh.ready()
}

// exits leaves the shell, whatever the status of its last command was.
func (sh *shell) exits() {
	sh.s.t.Helper()
	sh.Type("exit\r")
	select {
	case <-sh.ended:
	case <-time.After(sh.Patience):
		sh.s.t.Fatalf("jbuild shell has not ended:\n%s", sh.Text())
	}
}
