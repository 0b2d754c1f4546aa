package terminal_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/flow/fakeengine"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/terminal"
)

// types answers a question of the plain session, when the cursor stands behind it: what comes
// earlier is shown before it.
func (c *conversation) types(text string) {
	c.t.Helper()
	c.Until(func() string {
		column, row, _ := c.Cursor()
		if lines := strings.Split(c.Text(), "\n"); row < len(lines) && column > 0 && strings.HasSuffix(lines[row], ":") {
			return ""
		}
		return "the cursor is behind no question"
	})
	c.Type(text)
}

// TestPlainJourney is the whole way on a terminal that can do nothing.
func TestPlainJourney(t *testing.T) {
	for _, lang := range message.Languages {
		t.Run(lang, func(t *testing.T) {
			c := begin(t, fakeengine.New(), lang, "dumb")
			c.asks("flow.login.user", "harbor.example.ac.jp")
			c.types("taro\r")
			c.asks("terminal.plain.secret")
			c.types("himitsu\r")
			c.asks("flow.what")
			c.picture("01-login")
			c.types("7\r")
			c.asks("terminal.plain.number", 2)
			c.types("1\r")
			c.asks("terminal.plain.choose-search", 1)
			c.types("pyth\r")
			c.Wait("1) shared/python")
			c.types("1\r")
			c.asks("flow.base-tag", "shared/python")
			c.picture("02-base")
			c.types("\r")
			c.asks("flow.workspace")
			c.types("My Solver\r")
			c.asks("flow.name.form")
			c.types("solver\r")
			c.Wait("[solver] ~ #")
			c.Type("exit\r")
			c.asks("flow.next")
			c.picture("03-changes")
			c.types("\r")
			c.asks("flow.image")
			c.types("\r")
			c.asks("flow.tag")
			c.types("\r")
			c.asks("flow.kind")
			c.picture("04-uploaded")
			c.types("4\r")
			c.asks("flow.done")
			c.types("0\r")
			if err := c.end(); err != nil {
				t.Errorf("the session ended with %v", err)
			}
			c.asks("flow.bye")
			c.picture("05-bye")
			if strings.Contains(c.History(), "himitsu") {
				t.Error("the password was shown")
			}
			if strings.Contains(c.Raw(), "\x1b") {
				t.Error("a terminal that can do nothing got a control sequence")
			}
		})
	}
}

// piped runs a session whose input is a text, and returns what it wrote.
func piped(t *testing.T, engine *fakeengine.Engine, lang, input string) (string, error) {
	t.Helper()
	in, feed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	go func() { _, _ = io.WriteString(feed, input); feed.Close() }()
	written := make(chan string)
	go func() { all, _ := io.ReadAll(out); written <- string(all) }()
	printer, _ := message.For(lang)
	face, err := terminal.Open(terminal.Options{In: in, Out: write, Printer: printer, Getenv: func(string) string { return "xterm" }})
	if err != nil {
		t.Fatal(err)
	}
	s := &flow.Session{Face: face, Workspaces: engine, Registry: engine, Uploader: engine, Printer: func() *message.Printer { return printer }, Dir: t.TempDir(), Now: engine.Clock.Now}
	err = s.Run(t.Context())
	face.Close()
	write.Close()
	return <-written, err
}

// TestPiped: answers from a file; the shell gets the lines up to exit.
func TestPiped(t *testing.T) {
	for _, lang := range message.Languages {
		t.Run(lang, func(t *testing.T) {
			engine := fakeengine.New()
			got, err := piped(t, engine, lang, "taro\nhimitsu\n1\nubuntu\n1\nmine\napt-get install -y hello\nexit\n1\n\n\n4\n3\n\n0\n0\n0")
			if err != nil {
				t.Errorf("the session ended with %v", err)
			}
			file := filepath.Join("testdata", "piped."+lang+".txt")
			if updating() {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestEndOfInput: wherever the input ends the question is named, and the command that
// answers it.
func TestEndOfInput(t *testing.T) {
	all := []string{"taro\n", "himitsu\n", "1\n", "python\n", "1\n", "2\n", "mine\n", "exit\n", "1\n", "\n", "\n", "1\n", "x.sh\n"}
	for n := range all {
		input := strings.Join(all[:n], "")
		_, err := piped(t, fakeengine.New(), "en", input)
		var fault *message.Error
		if n == 7 { // in the shell: it ends, and what comes next is asked
			continue
		}
		if !errors.Is(err, flow.ErrFaceGone) || !errors.As(err, &fault) || len(fault.Next) == 0 || !strings.Contains(fault.Next[0].String(), "jbuild ") {
			t.Errorf("after %q the session ended with %v", input, err)
		}
	}
}

// TestPlainBack: 0 goes back, nothing at a password does.
func TestPlainBack(t *testing.T) {
	got, err := piped(t, fakeengine.New(), "en", "taro\n\nhanako\n\n0\n")
	if err != nil {
		t.Errorf("the session ended with %v", err)
	}
	if n := strings.Count(got, "Your user name"); n != 3 {
		t.Errorf("the user name was asked %d times:\n%s", n, got)
	}
	got, err = piped(t, loggedIn(), "en", "1\n0\n3\n0\n4\n1\n0\n5\n")
	if err != nil || !strings.Contains(got, "Goodbye") || strings.Contains(got, "is deleted") {
		t.Errorf("%v:\n%s", err, got)
	}
}
