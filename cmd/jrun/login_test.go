package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"golang.org/x/sys/unix"
)

// passwordRegistry accepts alice with the password "right".
func passwordRegistry(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "alice" || password != "right" {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	server.Config.ErrorLog = nil
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// account is an account of its own for the test.
func account(t *testing.T) (home string) {
	t.Helper()
	home = t.TempDir()
	for name, value := range map[string]string{
		"HOME": home, "XDG_RUNTIME_DIR": filepath.Join(home, "run"), "XDG_CONFIG_HOME": "", "XDG_DATA_HOME": "", "DOCKER_CONFIG": "",
		"REGISTRY_AUTH_FILE": "", "JRUN_STORE": "", "JRUN_CONFIG": filepath.Join(home, "jrun.toml"), "PBS_JOBID": "",
	} {
		t.Setenv(name, value)
	}
	for name, text := range map[string]string{"jrun.toml": "", "run/x": ""} {
		path := filepath.Join(home, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return home
}

// jrun runs a command line in this process.
func jrun(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := newRootCommand()
	root.SetArgs(args)
	root.SetIn(strings.NewReader(stdin))
	root.SetOut(&out)
	root.SetErr(&out)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestLoginAndLogout(t *testing.T) {
	home := account(t)
	host := passwordRegistry(t)
	file := filepath.Join(home, ".config/containers/auth.json")
	out, err := jrun(t, "right\r\nignored\n", "login", "-u", "alice", "--password-stdin", "https://"+host+"/")
	if want := fmt.Sprintf("logged in to %s as alice; kept in %s\n", host, file); err != nil || out != want {
		t.Fatalf("got %q, %v; want %q", out, err, want)
	}
	out, err = jrun(t, "", "logout", host)
	if want := fmt.Sprintf("removed the login to %s from %s\n", host, file); err != nil || out != want {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
	if _, err = jrun(t, "", "logout", host); err == nil {
		t.Error("a login that is not there was removed")
	}
	out, err = jrun(t, "", "logout", "--all")
	if err != nil || out != "there was no login\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestLoginToTheDefaultRegistry(t *testing.T) {
	home := account(t)
	host := passwordRegistry(t)
	if err := os.WriteFile(filepath.Join(home, "jrun.toml"), fmt.Appendf(nil, "default_registry = %q\n", host+"/lab"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := jrun(t, "right", "login", "-u", "alice", "--password-stdin", "--authfile", filepath.Join(home, "mine.json"))
	if want := fmt.Sprintf("logged in to %s as alice; kept in %s\n", host, filepath.Join(home, "mine.json")); err != nil || out != want {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
}

// TestLoginWithoutAStore: a store that cannot be used is not needed.
func TestLoginWithoutAStore(t *testing.T) {
	home := account(t)
	t.Setenv("JRUN_STORE", filepath.Join(home, "jrun.toml"))
	if out, err := jrun(t, "right", "login", "-u", "alice", "--password-stdin", passwordRegistry(t)); err != nil {
		t.Errorf("%s%v", out, err)
	}
}

func TestLoginFaults(t *testing.T) {
	account(t)
	host := passwordRegistry(t)
	tests := []struct {
		name, stdin string
		args        []string
		says        string
	}{
		{"wrong password", "wrong", []string{"-u", "alice", "--password-stdin", host}, "does not accept the password of alice"},
		{"no user", "right", []string{"--password-stdin", host}, "jrun login -u USER --password-stdin " + host},
		{"no registry", "right", []string{"-u", "alice", "--password-stdin"}, "default_registry"},
		{"no password", "\nright\n", []string{"-u", "alice", "--password-stdin", host}, "first line"},
		{"nothing", "", []string{"-u", "alice", "--password-stdin", host}, "first line"},
		{"a colon", "right", []string{"-u", "alice:right", "--password-stdin", host}, "a colon"},
		{"http", "right", []string{"-u", "alice", "--password-stdin", "http://" + host}, "without TLS"},
		{"a password on the command line", "", []string{"-u", "alice", "--password", "right", host}, "unknown flag"},
		{"logout of all and one", "", nil, "mean different things"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"login"}, tt.args...)
			if tt.args == nil {
				args = []string{"logout", "--all", host}
			}
			out, err := jrun(t, tt.stdin, args...)
			var f *fault.Error
			if !errors.As(err, &f) || f.What == "" || f.Why == nil || f.Next == "" {
				t.Fatalf("got %v, %s; want a fault of three parts", err, out)
			}
			if message := fault.Format("jrun", err); !strings.Contains(message, tt.says) {
				t.Errorf("it does not say %q:\n%s", tt.says, message)
			}
		})
	}
}

// terminal is a pseudo terminal: a person's end, and a prompt at the other.
func terminal(t *testing.T) (person *os.File, p *prompt) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	person = os.NewFile(uintptr(fd), "/dev/ptmx")
	t.Cleanup(func() { person.Close() })
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	end, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return person, &prompt{in: end, out: end, own: true}
}

// reading returns what appears on the screen until it contains text.
func reading(t *testing.T, screen io.Reader, text string) string {
	t.Helper()
	var seen []byte
	b := make([]byte, 256)
	for !bytes.Contains(seen, []byte(text)) {
		n, err := screen.Read(b)
		seen = append(seen, b[:n]...)
		if err != nil {
			t.Fatalf("after %q: %v", seen, err)
		}
	}
	return string(seen)
}

func echoes(t *testing.T, p *prompt) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(p.in.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

func TestPrompt(t *testing.T) {
	person, p := terminal(t)
	defer p.close()
	type answers struct {
		user, password string
		err            error
	}
	done := make(chan answers, 1)
	go func() {
		var a answers
		if a.user, a.err = p.user(t.Context(), "alice"); a.err == nil {
			a.password, a.err = p.password(t.Context(), "Password: ")
		}
		fmt.Fprintln(p.out, "the end")
		done <- a
	}()
	screen := reading(t, person, "User [alice]: ")
	_, _ = io.WriteString(person, "\n")
	screen += reading(t, person, "Password: ")
	_, _ = io.WriteString(person, " s3cret \n")
	screen += reading(t, person, "the end")
	if a := <-done; a.err != nil || a.user != "alice" || a.password != " s3cret " {
		t.Errorf("got %+v", a)
	}
	if strings.Contains(screen, "s3cret") {
		t.Errorf("the password is on the screen: %q", screen)
	}
	if !echoes(t, p) {
		t.Error("the terminal stays silent")
	}
}

// TestPromptGivesUp: Ctrl-C ends the context, see package interrupt.
func TestPromptGivesUp(t *testing.T) {
	person, p := terminal(t)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := p.password(ctx, "Password: ")
		failed <- err
	}()
	reading(t, person, "Password: ")
	if echoes(t, p) {
		t.Error("the terminal shows what is typed")
	}
	cancel()
	select {
	case err := <-failed:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the prompt does not end")
	}
	if !echoes(t, p) {
		t.Error("the terminal stays silent")
	}
}
