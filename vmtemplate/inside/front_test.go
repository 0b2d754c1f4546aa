package inside

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// shellOn starts a shell on a terminal of its own, which is served.
func shellOn(t *testing.T) (terminal *Terminal, typed io.Writer) {
	t.Helper()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash")
	}
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	master := os.NewFile(uintptr(fd), "terminal")
	t.Cleanup(func() { _ = master.Close() })
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	cmd := exec.Command(bash, "--norc", "--noprofile", "-i")
	cmd.Dir, cmd.Env = t.TempDir(), []string{"PATH=" + os.Getenv("PATH"), "TERM=dumb", "HISTFILE="}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	go func() { _, _ = io.Copy(io.Discard, master) }()
	terminal = &Terminal{}
	terminal.serves(master)
	return terminal, master
}

// TestBusy: a program in the shell's place is seen, one that was stopped, and none in the
// background; hanging up ends the first two, also what does not want to.
func TestBusy(t *testing.T) {
	if name := (&Terminal{}).Busy(); name != "" {
		t.Errorf("nothing is served, and %q runs", name)
	}
	terminal, typed := shellOn(t)
	is := func(want string) {
		t.Helper()
		var got string
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if got = terminal.Busy(); got == want {
				return
			}
		}
		t.Fatalf("%q is busy, not %q", got, want)
	}
	does := func(keys string) {
		t.Helper()
		if _, err := io.WriteString(typed, keys); err != nil {
			t.Fatal(err)
		}
	}
	is("")
	does("sleep 300 &\n")
	does("sleep 301 | cat\n")
	is("sleep")
	does("\x03")
	is("")
	does("cat\n")
	is("cat")
	does("\x1a") // Ctrl-Z
	time.Sleep(50 * time.Millisecond)
	is("cat")
	if err := terminal.HangUp(); err != nil || terminal.Busy() != "" {
		t.Errorf("after hanging up %q is busy: %v", terminal.Busy(), err)
	}
	does("bash --norc -c 'trap \"\" HUP; while :; do sleep 1; done'\n")
	is("bash")
	if err := terminal.HangUp(); err != nil || terminal.Busy() != "" {
		t.Errorf("after hanging up %q is busy: %v", terminal.Busy(), err)
	}
	session, _ := terminal.leaders()
	if p, ok := readStat(fmt.Sprintf("/proc/%d/stat", session)); !ok || p.state == "Z" {
		t.Error("the shell has ended, too")
	}
	terminal.serves(nil)
	is("")
}

// TestReadStat: a program is called as it likes.
func TestReadStat(t *testing.T) {
	for text, want := range map[string]process{
		"12 (vim) S 10 11 9 34817 11 0":       {12, 11, 9, "vim", "S"},
		"12 (a) T 1 (b) (c) R 10 11 9 1 11 0": {12, 11, 9, "a) T 1 (b) (c", "R"},
		"12 (vim S 10 11 9":                   {},
		"":                                    {},
		"x (y) S 1":                           {},
	} {
		file := filepath.Join(t.TempDir(), "stat")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, ok := readStat(file); got != want || ok != (want.pid > 0) {
			t.Errorf("%q is %+v, %v", text, got, ok)
		}
	}
}
