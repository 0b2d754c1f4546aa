//go:build e2e

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDefaultFiles(t *testing.T) {
	s := newSession(t)
	for _, c := range []struct{ name, script, want string }{
		{"current directory", "pwd", s.dir},
		{"home", `cd "$HOME" && pwd`, s.user.Home},
		{"devices", "for d in null zero full random urandom tty; do test -c /dev/$d || echo no $d; done", ""},
		{"the null device", "echo x >/dev/null; head -c 3 /dev/zero | wc -c", "3"},
		{"links in dev", "readlink /dev/fd /dev/stdin", "/proc/self/fd\n/proc/self/fd/0"},
		{"shared memory", "touch /dev/shm/jrun-e2e && rm /dev/shm/jrun-e2e && echo ok", "ok"},
		{"pseudo terminals", "test -e /dev/ptmx && ls /dev/pts/ptmx", "/dev/pts/ptmx"},
		{"proc", "test /proc/self -ef /proc/$$ -o -r /proc/$$/status && echo ok", "ok"},
		{"sys", "test -d /sys/class && echo ok", "ok"},
		{"the image is read-only", "touch /usr/x 2>/dev/null || echo read-only", "read-only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			if diff := cmp.Diff(c.want, s.sh(c.script)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.script, diff)
			}
		})
	}
	s.t = t
}

func TestHostFilesInside(t *testing.T) {
	s := newSession(t)
	for _, path := range []string{"/etc/resolv.conf", "/etc/hosts", "/etc/localtime"} {
		want, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			continue // such a machine has nothing to show inside
		}
		if err != nil {
			t.Fatal(err)
		}
		got := s.run("run", "-q", ref(minimal), "--", "cat", path).want(0).stdout
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s inside (-host +inside):\n%s", path, diff)
		}
	}
}

// TestCurrentDirectoryAnywhere: a directory that no default shows is there
// because the job stands in it.
func TestCurrentDirectoryAnywhere(t *testing.T) {
	needRoot(t, "makes a directory below /srv and one below /")
	for _, parent := range []string{"/srv", "/"} {
		s := newSession(t)
		dir, err := os.MkdirTemp(parent, "jrun-e2e-scratch-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		if err := os.Chown(dir, s.user.UID, s.user.GID); err != nil {
			t.Fatal(err)
		}
		s.cwd = dir
		if got := s.sh("pwd; echo kept > result"); got != dir {
			t.Errorf("in %s pwd is %q", dir, got)
		}
		if text, err := os.ReadFile(filepath.Join(dir, "result")); err != nil || string(text) != "kept\n" {
			t.Errorf("what the command wrote in %s reads %q (%v)", dir, text, err)
		}
	}
}

func TestTmpIsTheHosts(t *testing.T) {
	s := newSession(t)
	name := filepath.Join("/tmp", filepath.Base(lab.dir)+"-from-inside")
	defer os.Remove(name)
	s.sh("echo inside > " + name)
	if text, err := os.ReadFile(name); err != nil || string(text) != "inside\n" {
		t.Errorf("a file made in /tmp inside reads %q outside (%v)", text, err)
	}
}

func TestBinds(t *testing.T) {
	s := newSession(t)
	data := filepath.Join(s.dir, "data dir")
	if err := s.user.Mkdir(data); err != nil {
		t.Fatal(err)
	}
	s.write("data dir/file", "bound\n", 0o644)
	s.write("one", "one file\n", 0o644)
	for _, c := range []struct {
		name   string
		binds  []string
		script string
		want   string
	}{
		{"at its own path", []string{"/usr/include"}, "test -e /usr/include/stdio.h && echo ok", "ok"},
		{"elsewhere", []string{data + ":/mnt"}, "cat /mnt/file", "bound"},
		{"where the image has nothing", []string{data + ":/not/in/the/image"}, "cat /not/in/the/image/file", "bound"},
		{"writable", []string{data + ":/mnt"}, "echo new > /mnt/new && cat /mnt/new", "new"},
		{"read-only", []string{data + ":/mnt:ro"}, "cat /mnt/file; touch /mnt/x 2>/dev/null || echo refused", "bound\nrefused"},
		{"a file", []string{s.dir + "/one:/etc/hostname"}, "cat /etc/hostname", "one file"},
		{"relative source", []string{"one:/srv/one"}, "cat /srv/one", "one file"},
		{"one inside the other", []string{data + ":/mnt", s.dir + "/one:/mnt/file"}, "cat /mnt/file", "one file"},
		{"over a default", []string{data + ":/tmp"}, "cat /tmp/file", "bound"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			args := []string{"run", "-q"}
			for _, bind := range c.binds {
				args = append(args, "-B", bind)
			}
			got := s.ok(append(args, ref(minimal), "--", "sh", "-c", c.script)...)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("with %q (-want +got):\n%s", c.binds, diff)
			}
		})
	}
	s.t = t
}

func TestBindErrors(t *testing.T) {
	s := newSession(t)
	run := func(bind string) *result {
		return s.run("run", "-B", bind, ref(minimal), "--", "true")
	}
	run("/no/such/source").wantFault(125, "/no/such/source")
	run("/tmp:relative/destination").wantFault(125, "relative/destination")
	run("/tmp:/mnt:rx").wantFault(125, "rx")
	run("").wantFault(125)
}

func TestCurrentDirectoryThatIsNotInside(t *testing.T) {
	s := newSession(t)
	s.run("run", "-w", "/no/such/directory", ref(minimal), "--", "true").wantFault(125, "/no/such/directory")
	s.run("run", "-w", "/etc/passwd", ref(minimal), "--", "true").wantFault(125, "/etc/passwd")
}

func TestNoHome(t *testing.T) {
	s := newSession(t)
	marker := filepath.Join(s.user.Home, "marker-of-the-test")
	if err := os.WriteFile(marker, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(marker)
	const script = `test -e "$HOME/marker-of-the-test" && echo yes || echo no`
	run := func(flags ...string) string {
		args := append([]string{"run", "-q"}, flags...)
		return s.ok(append(args, ref(minimal), "--", "sh", "-c", script)...)
	}
	if got := run(); got != "yes" {
		t.Errorf("home by default: marker there: %s", got)
	}
	if got := run("--no-home"); got != "no" {
		t.Errorf("home with --no-home: marker there: %s", got)
	}
}

func TestWritableTmpfs(t *testing.T) {
	s := newSession(t)
	got := s.ok("run", "-q", "--writable-tmpfs", ref(minimal), "--", "sh", "-c",
		"echo new > /usr/new && rm /usr/bin/perl && echo more >> /etc/debian_version && mkdir /newdir && cat /usr/new && test ! -e /usr/bin/perl && echo gone")
	if got != "new\ngone" {
		t.Errorf("with --writable-tmpfs: %q", got)
	}
	if got := s.sh("test -e /usr/new -o -e /newdir || test -x /usr/bin/perl && echo as before"); got != "as before" {
		t.Errorf("in the next run: %q", got)
	}
}

func TestLayers(t *testing.T) {
	s := newSession(t)
	const script = `cd /srv
find . | sort
cat kept/a opaque/above file-then-dir/inside dir-then-file link absolute twice /missing/parents/of/this
stat -c '%h %a' linked twice
readlink dangling`
	want := strings.Join([]string{
		".", "./absolute", "./dangling", "./dir-then-file", "./file-then-dir", "./file-then-dir/inside",
		"./kept", "./kept/a", "./link", "./linked", "./opaque", "./opaque/above", "./twice",
		"aaboveinsidenow a fileshared contentasecond" + "deep2 644", "1 600", "/nowhere",
	}, "\n")
	for _, image := range []string{layered, "demo/layered:zstd"} {
		got := s.ok("run", "-q", ref(image), "--", "sh", "-c", script)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", image, diff)
		}
	}
}
