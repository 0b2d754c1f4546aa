//go:build e2e

package integration

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestStaticBinary(t *testing.T) {
	needTool(t, "file")
	out, err := exec.Command("file", "--brief", lab.jrun).Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), "statically linked") {
		t.Errorf("bin/jrun is not static: %s", out)
	}
	// The build's own file: a copy would have lost its rights.
	built := filepath.Join("..", "bin", "jrun")
	if n, err := unix.Getxattr(built, "security.capability", nil); !errors.Is(err, unix.ENODATA) {
		t.Errorf("bin/jrun has capabilities: %d bytes, %v", n, err)
	}
	if info, err := os.Stat(built); err != nil || info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
		t.Errorf("bin/jrun has the mode %v (%v)", info.Mode(), err)
	}
}

func TestHello(t *testing.T) {
	s := newSession(t)
	const program = `print("hello")`
	for _, line := range [][]string{
		{"run", ref(python), "--", "python3", "-c", program},
		{"run", ref(python), "python3", "-c", program},
		{ref(python), "python3", "-c", program},
		{"--quiet", ref(python), "python3", "-c", program},
		{"run", "--quiet", "docker://" + ref(python), "python3", "-c", program},
		{"run", ref("demo/python:zstd"), "--", "python3", "-c", program},
	} {
		if got := s.ok(line...); got != "hello" {
			t.Errorf("jrun %q printed %q", line, got)
		}
	}
}

func TestScriptInCurrentDirectory(t *testing.T) {
	s := newSession(t)
	s.write("script.py", "import sys\nprint('args', sys.argv[1:])\nopen('result', 'w').write('done')\n", 0o644)
	if got, want := s.ok(ref(python), "python3", "script.py", "-c", "--bind"), "args ['-c', '--bind']"; got != want {
		t.Errorf("the script printed %q, want %q", got, want)
	}
	if got := s.read("result"); got != "done" {
		t.Errorf("the script's file holds %q", got)
	}
}

func TestScientificPython(t *testing.T) {
	s := newSession(t)
	const program = `
import numpy, scipy.linalg, pandas
a = numpy.arange(9.0).reshape(3, 3) + numpy.eye(3)
x = scipy.linalg.solve(a, [1.0, 2.0, 3.0])
print(bool(numpy.allclose(a @ x, [1, 2, 3])), pandas.Series([1, 2, 3]).sum())`
	if got := s.ok(ref(python), "python3", "-c", program); got != "True 6" {
		t.Errorf("numpy, scipy and pandas together say %q", got)
	}
}

func TestBinaryPipes(t *testing.T) {
	s := newSession(t)
	data := make([]byte, 5<<20)
	rand.NewChaCha8([32]byte{1}).Read(data)
	s.stdin = bytes.NewReader(data)
	r := s.run("run", "-q", ref(minimal), "--", "sh", "-c", "echo to stderr >&2; cat").want(0)
	if sha256.Sum256([]byte(r.stdout)) != sha256.Sum256(data) {
		t.Errorf("%d bytes through cat came out as %d different ones", len(data), len(r.stdout))
	}
	if r.stderr != "to stderr\n" {
		t.Errorf("stderr is %q", r.stderr)
	}
}

func TestExitCodes(t *testing.T) {
	s := newSession(t)
	for _, code := range []int{0, 1, 2, 77, 124, 125, 126, 127, 128, 137, 255} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			s.t = t
			s.run("run", "-q", ref(minimal), "--", "sh", "-c", fmt.Sprintf("exit %d", code)).want(code)
		})
	}
	s.t = t
}

func TestCommandThatCannotRun(t *testing.T) {
	s := newSession(t)
	s.write("script", "#!/bin/sh\n", 0o644)
	for _, c := range []struct {
		name    string
		command string
		code    int
	}{
		{"not in PATH", "no-such-command", 127},
		{"no such path", "/no/such/command", 127},
		{"no such path below the current directory", "./no-such-command", 127},
		{"interpreter missing", "/opt/work/no-such-interpreter", 127},
		{"not executable", "/opt/work/not-executable", 126},
		{"a directory", "/opt/work", 126},
		{"a script of mine, not executable", "./script", 126},
		{"empty name", "", 127},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			s.run("run", "-q", ref(configured), "--", c.command).wantFault(c.code)
		})
	}
	s.t = t
}

func TestImageConfig(t *testing.T) {
	s := newSession(t)
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"entry point and default words", []string{"run", ref(configured)},
			"/opt/work\n[first word]\n[default]\n[two words]"},
		{"a command replaces both", []string{"run", ref(configured), "--", "echo", "only this"}, "only this"},
		{"another entry point", []string{"run", "--entrypoint", "/bin/echo", ref(configured)}, ""},
		{"another entry point with words", []string{"run", "--entrypoint", "/bin/echo", ref(configured), "--", "a", "b c"}, "a b c"},
		{"environment", []string{"run", ref(configured), "--", "sh", "-c", `echo "$FROM_IMAGE|$SPACED"`}, "yes|a b  c"},
		{"working directory by flag", []string{"run", "-w", "/srv", ref(configured), "--", "pwd"}, "/srv"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			if diff := cmp.Diff(c.want, s.ok(c.args...)); diff != "" {
				t.Errorf("jrun %q (-want +got):\n%s", c.args, diff)
			}
		})
	}
	s.t = t
	// With a command, the job's directory counts, not the image's.
	if got := s.ok("run", ref(configured), "--", "pwd"); got != s.dir {
		t.Errorf("a command started in %q, want %q", got, s.dir)
	}
}

func TestShell(t *testing.T) {
	s := newSession(t)
	s.stdin = strings.NewReader("echo in $(. /etc/os-release; echo $ID); exit 3\n")
	r := s.run("shell", "-q", ref(minimal)).want(3)
	if !strings.Contains(r.stdout, "in debian") && !strings.Contains(r.stdout, "in ubuntu") {
		t.Errorf("the shell said %q", r.stdout)
	}
}

func TestStaticImageWithoutShell(t *testing.T) {
	s := newSession(t)
	s.env["JRUN_STORE"] = s.store
	for _, image := range []string{"demo/static:latest", "demo/multi:latest"} {
		if got := s.ok("run", ref(image)); !strings.Contains(got, fmt.Sprintf(`"UID":%d`, s.user.UID)) {
			t.Errorf("%s printed %s", image, got)
		}
		s.run("run", ref(image), "--", "/probe", "x").want(0)
		s.run("run", ref(image), "--", "/bin/sh").wantFault(127, "/bin/sh")
		s.run("shell", ref(image)).wantFault(127, "shell")
	}
}

func TestVersion(t *testing.T) {
	s := newSession(t)
	if got := s.ok("version"); !strings.HasPrefix(got, "jrun ") {
		t.Errorf("version printed %q", got)
	}
}

func TestUsageErrors(t *testing.T) {
	s := newSession(t)
	for _, args := range [][]string{
		{"run"},
		{"run", "--no-such-flag", ref(minimal)},
		{"pull"},
		{"inspect"},
		{"run", "UPPER/Case:tag"},
		{"run", ref(minimal) + "@sha256:short"},
	} {
		s.run(args...).wantFault(125)
	}
}
