package recipe

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// terminal is a shell on a terminal, with keys that a test types.
type terminal struct {
	t      *testing.T
	dir    string
	pty    *os.File
	cmd    *exec.Cmd
	screen chan []byte
	seen   bytes.Buffer
}

// prompt ends each of the hook's; the tests look for it to know that a command is done.
const prompt = "[test] "

// start runs a shell with the hook in it, in a home and a directory of its own.
func start(t *testing.T, shell string, rc string) *terminal {
	t.Helper()
	program, err := exec.LookPath(shell)
	if err != nil {
		t.Skipf("this machine has no %s", shell)
	}
	dir := t.TempDir()
	for _, d := range []string{"home", "jbuild", "work"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "home", ".bashrc"), []byte(rc), 0o644); err != nil {
		t.Fatal(err)
	}
	hook := Hook{Prompt: prompt, Welcome: "Welcome, it's 100% $HOME\n", Dir: filepath.Join(dir, "jbuild")}
	begin := hook.Start(program)
	for name, text := range begin.Files {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(hook.Record(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(begin.Args[0], begin.Args[1:]...)
	cmd.Env = append(slices.Clone(begin.Env), "HOME="+filepath.Join(dir, "home"), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"), "TERM=dumb", "LANG=C.UTF-8", "LOGIN_TOKEN=planted-in-the-login")
	cmd.Dir = filepath.Join(dir, "work")
	file, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 200})
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, dir: dir, pty: file, cmd: cmd, screen: make(chan []byte, 1000)}
	go func() {
		defer close(term.screen)
		for {
			buf := make([]byte, 4096)
			n, err := file.Read(buf)
			if n > 0 {
				term.screen <- buf[:n]
			}
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = file.Close()
		_ = cmd.Wait()
	})
	term.wait(prompt)
	return term
}

// wait reads the screen until it shows text, and returns what it showed until then.
func (term *terminal) wait(text string) string {
	term.t.Helper()
	shown, ok := term.shows(text, 20*time.Second)
	if !ok {
		term.t.Fatalf("waiting for %q, the screen shows\n%s", text, term.seen.String())
	}
	return shown
}

func (term *terminal) shows(text string, within time.Duration) (shown string, ok bool) {
	timeout := time.After(within)
	for {
		if i := bytes.Index(term.seen.Bytes(), []byte(text)); i >= 0 {
			return string(term.seen.Next(i + len(text))), true
		}
		select {
		case part, open := <-term.screen:
			if !open {
				return "", false
			}
			term.seen.Write(part)
		case <-timeout:
			return "", false
		}
	}
}

// interrupt gives up a line that is typed. A bash, with the hook or without, misses one
// interrupt in six that comes just when it has shown a character, until the next key.
func (term *terminal) interrupt() {
	term.t.Helper()
	for range 20 {
		term.keys("\x03")
		if _, ok := term.shows(prompt, time.Second); ok {
			return
		}
	}
	term.t.Fatalf("no prompt after an interrupt; the screen shows\n%s", term.seen.String())
}

// run types a command and waits until the prompt is there again.
func (term *terminal) run(text string) string {
	term.t.Helper()
	time.Sleep(10 * time.Millisecond) // the kernel's time of a change is as old as its tick; nobody types as fast
	term.keys(text + "\n")
	return term.wait(prompt)
}

// awaitFile waits until a command has made a file.
func awaitFile(t *testing.T, name string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if _, err := os.Stat(name); err == nil {
			return
		}
	}
	t.Fatalf("there is no %s", name)
}

func (term *terminal) keys(keys string) {
	term.t.Helper()
	if _, err := term.pty.WriteString(keys); err != nil {
		term.t.Fatal(err)
	}
}

// end leaves the shell and returns its record.
func (term *terminal) end() Record {
	term.t.Helper()
	term.keys("exit\n")
	for range term.screen {
	}
	_ = term.cmd.Wait()
	return term.record()
}

func (term *terminal) record() Record {
	term.t.Helper()
	data, err := os.ReadFile(filepath.Join(term.dir, "jbuild", "record"))
	if err != nil {
		term.t.Fatal(err)
	}
	r, err := Parse(strings.NewReader(strings.ReplaceAll(string(data), term.dir, "")))
	if err != nil {
		term.t.Fatal(err)
	}
	if os.Getenv("SHOW_RECORD") != "" {
		term.t.Log(string(data))
	}
	return r
}

// line is what tests compare of a command.
type line struct {
	Text   string
	Dir    string
	Status int
}

func lines(r Record) []line {
	var all []line
	for _, c := range r.Commands {
		all = append(all, line{c.Text, c.Dir, c.Status})
	}
	return all
}
