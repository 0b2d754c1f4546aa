package terminal_test

import (
	"context"
	"flag"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/flow/fakeengine"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/site"
	"github.com/jrun-hpc/jrun/vmtemplate/terminal"
	"github.com/jrun-hpc/jrun/vmtemplate/terminal/screen"
	"golang.org/x/sys/unix"
)

// conversation is a session on a terminal for tests.
type conversation struct {
	*screen.Screen
	t      *testing.T
	engine *fakeengine.Engine
	dir    string // where job scripts go
	say    *message.Printer
	ended  chan error
	golden string // folder of golden screens
}

// terminals are the kinds of terminals of which there are golden screens.
var terminals = map[string]struct {
	term          string
	columns, rows int
}{
	"80x24": {"xterm-256color", 80, 24},
	"dumb":  {"dumb", 80, 200},
	"40x12": {"xterm-256color", 40, 12},
}

// begin starts a session.
func begin(t *testing.T, engine *fakeengine.Engine, lang, kind string) *conversation {
	t.Helper()
	return beginIn(t.Context(), t, engine, lang, kind)
}

// beginIn starts a session that ends with a context.
func beginIn(ctx context.Context, t *testing.T, engine *fakeengine.Engine, lang, kind string) *conversation {
	t.Helper()
	on := terminals[kind]
	printer, _ := message.For(lang)
	c := &conversation{
		Screen: screen.New(t, on.columns, on.rows), t: t, engine: engine, dir: t.TempDir(), say: printer,
		ended: make(chan error, 1), golden: filepath.Join("testdata", "screens", lang, kind),
	}
	face, err := terminal.Open(terminal.Options{In: c.Line(), Out: c.Line(), Printer: printer, Getenv: func(name string) string {
		return map[string]string{"TERM": on.term, "LANG": "ja_JP.UTF-8"}[name]
	}})
	if err != nil {
		t.Fatal(err)
	}
	s := &flow.Session{
		Face: face, Workspaces: engine, Registry: engine, Uploader: engine,
		Site: site.Config{}, Printer: func() *message.Printer { return printer }, Dir: c.dir, Now: engine.Clock.Now,
	}
	go func() {
		err := s.Run(ctx)
		face.Close()
		c.ended <- err
		close(c.ended)
	}()
	t.Cleanup(func() { <-c.ended }) // the test's context has ended; the terminal is closed next
	return c
}

// asks waits for a question by its text.
func (c *conversation) asks(name string, args ...any) {
	c.t.Helper()
	c.Wait(c.say.Text(message.Of(name, args...)))
}

// picture compares the screen with its golden one.
func (c *conversation) picture(name string) {
	c.t.Helper()
	c.Golden(filepath.Join(c.golden, name+".txt"))
}

// end waits for the session's end.
func (c *conversation) end() error {
	c.t.Helper()
	select {
	case err := <-c.ended:
		return err
	case <-time.After(20 * time.Second):
		c.t.Fatalf("the session has not ended:\n%s", c.Text())
		return nil
	}
}

// restored: the terminal is as it was found, for the shell that comes back.
func (c *conversation) restored() {
	c.t.Helper()
	c.Until(func() string {
		if _, _, visible := c.Cursor(); !visible {
			return "the cursor stays hidden"
		}
		if raw := c.Raw(); strings.LastIndex(raw, "\x1b[?2004l") < strings.LastIndex(raw, "\x1b[?2004h") {
			return "bracketed paste stays on"
		}
		return ""
	})
	now, err := unix.IoctlGetTermios(int(c.Line().Fd()), unix.TCGETS)
	if err != nil || now.Lflag&unix.ECHO == 0 || now.Lflag&unix.ICANON == 0 {
		c.t.Errorf("the terminal is left without echo: %v, %v", now, err)
	}
}

// updating reports whether golden files are to be written.
func updating() bool { return flag.Lookup("update").Value.String() == "true" }
