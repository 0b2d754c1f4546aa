package nfslike

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestOwners makes files as another user, and sees that modes are obeyed.
func TestOwners(t *testing.T) {
	l := newLab(t, Options{})
	must(t, os.Mkdir(l.a.path("shared"), 0o755))
	must(t, os.Chown(l.a.path("shared"), 0, 4242))
	must(t, os.Chmod(l.a.path("shared"), os.ModeSetgid|0o777))
	l.write(l.a, "secret", "x")
	must(t, os.Chmod(l.a.path("secret"), 0o600))
	other := exec.Command("sh", "-c", `umask 027; cd "$0" && echo x >f && mkdir d && ln -s x s && echo x >shared/f && mkdir shared/d &&
		! cat secret 2>/dev/null && rm f && echo y >f`, l.a.Dir())
	other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 4343, Gid: 4343}}
	if out, err := other.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, want := range map[string]struct {
		mode os.FileMode
		gid  uint32
	}{
		"f": {0o640, 4343}, "d": {os.ModeDir | 0o750, 4343}, "s": {os.ModeSymlink | 0o777, 4343},
		"shared/f": {0o640, 4242}, "shared/d": {os.ModeDir | os.ModeSetgid | 0o750, 4242},
	} {
		info, err := os.Lstat(l.b.path(name))
		must(t, err)
		stat := info.Sys().(*syscall.Stat_t)
		if info.Mode() != want.mode || stat.Uid != 4343 || stat.Gid != want.gid {
			t.Errorf("%s: mode %v of %d:%d, want %v of 4343:%d", name, info.Mode(), stat.Uid, stat.Gid, want.mode, want.gid)
		}
	}
}

func TestMetadata(t *testing.T) {
	l := newLab(t, Options{})
	l.write(l.a, "f", "x")
	when := time.Date(2001, 2, 3, 4, 5, 6, 7, time.UTC)
	must(t, os.Chtimes(l.a.path("f"), time.Time{}, when))
	must(t, os.Chown(l.a.path("f"), 1, 2))
	must(t, os.Chmod(l.a.path("f"), os.ModeSetuid|0o751))
	info, err := os.Stat(l.b.path("f"))
	must(t, err)
	stat := info.Sys().(*syscall.Stat_t)
	if !info.ModTime().Equal(when) || stat.Uid != 1 || stat.Gid != 2 || info.Mode() != os.ModeSetuid|0o751 {
		t.Errorf("B sees %v of %d:%d at %v", info.Mode(), stat.Uid, stat.Gid, info.ModTime())
	}
	must(t, os.Chtimes(l.a.path("f"), time.Now(), time.Now()))

	must(t, unix.Setxattr(l.a.path("f"), "user.jrun", []byte("value"), 0))
	buf := make([]byte, 64)
	if n, err := unix.Getxattr(l.b.path("f"), "user.jrun", buf); err != nil || string(buf[:n]) != "value" {
		t.Errorf("B sees the attribute %q (%v)", buf[:max(n, 0)], err)
	}
	if n, err := unix.Listxattr(l.b.path("f"), nil); err != nil || n < len("user.jrun") {
		t.Errorf("B lists %d bytes of names (%v)", n, err)
	}
	must(t, unix.Removexattr(l.b.path("f"), "user.jrun"))
	_, err = unix.Getxattr(l.a.path("f"), "user.jrun", nil)
	is(t, err, unix.ENODATA)

	must(t, unix.Mkfifo(l.a.path("fifo"), 0o600))
	if info, err := os.Stat(l.b.path("fifo")); err != nil || info.Mode() != os.ModeNamedPipe|0o600 {
		t.Errorf("the fifo is %v (%v)", info, err)
	}
	must(t, os.Symlink("some/where", l.a.path("s")))
	if to, err := os.Readlink(l.b.path("s")); err != nil || to != "some/where" {
		t.Errorf("the link leads to %q (%v)", to, err)
	}
	var statfs unix.Statfs_t
	must(t, unix.Statfs(l.b.Dir(), &statfs))
	if statfs.Blocks == 0 || statfs.Namelen == 0 {
		t.Errorf("statfs says %+v", statfs)
	}
	dir := l.open(l.a, ".", os.O_RDONLY)
	must(t, dir.Sync())
}

// TestNotInNFS asks for what NFS does not have.
func TestNotInNFS(t *testing.T) {
	l := newLab(t, Options{})
	l.write(l.a, "f", "x")
	is(t, unix.Renameat2(unix.AT_FDCWD, l.a.path("f"), unix.AT_FDCWD, l.a.path("g"), unix.RENAME_NOREPLACE), unix.EINVAL)
	_, err := unix.Open(l.a.Dir(), unix.O_TMPFILE|unix.O_RDWR, 0o600)
	is(t, err, unix.EOPNOTSUPP)
	f := l.open(l.a, "f", os.O_RDWR)
	is(t, unix.Fallocate(int(f.Fd()), 0, 0, 100), unix.EOPNOTSUPP)
}
