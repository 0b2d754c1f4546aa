package fusefs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// mount shows f at a temporary folder until the test ends. Extra
// are mount flags.
func mount(t *testing.T, f *FS, observe func(opcode), extra uintptr) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting here needs root; rootless mounts are tested with the sandbox")
	}
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		t.Skipf("no /dev/fuse to use: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,default_permissions", fd)
	if err := unix.Mount("jrun", dir, "fuse", unix.MS_NOSUID|unix.MS_NODEV|extra, options); err != nil {
		t.Fatal(err)
	}
	server, err := serveThrough(fd, f, observe, ringsOfTest(t))
	if err != nil {
		_ = unix.Unmount(dir, unix.MNT_DETACH)
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Errorf("unmounting: %v", err)
			_ = unix.Unmount(dir, unix.MNT_DETACH)
		}
		server.Wait()
	})
	answerPoll(t, filepath.Join(dir, "etc/hello"))
	return dir
}

// answerPoll lets the kernel learn that files here cannot be polled, see the
// package comment.
func answerPoll(t *testing.T, file string) {
	t.Helper()
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0); err != nil {
		t.Fatal(err)
	}
}

func TestMountShowsTheImage(t *testing.T) {
	f := newFS(t, "zstd", Options{UID: 12, GID: 34, Threads: 2, Synthetic: []Synthetic{
		{Path: "/etc/passwd", Kind: File, Content: []byte("root:x:0:0\n")}, {Path: "/scratch/user", Mode: 0o700},
	}})
	dir := mount(t, f, nil, unix.MS_RDONLY)
	err := fs.WalkDir(f.r.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		want, err := d.Info()
		if err != nil {
			return err
		}
		at := filepath.Join(dir, path)
		got, err := os.Lstat(at)
		if err != nil {
			return err
		}
		if got.Mode() != want.Mode() || got.Size() != want.Size() || !got.ModTime().Equal(want.ModTime()) {
			t.Errorf("%s: %v %d %v, want %v %d %v", path, got.Mode(), got.Size(), got.ModTime(), want.Mode(), want.Size(), want.ModTime())
		}
		switch {
		case d.Type() == fs.ModeSymlink:
			target, err := os.Readlink(at)
			wantTarget, _ := f.r.FS().ReadLink(path)
			if err != nil || target != wantTarget {
				t.Errorf("%s: target %q, %v; want %q", path, target, err, wantTarget)
			}
		case d.Type().IsRegular():
			content, err := os.ReadFile(at)
			wantContent, _ := fs.ReadFile(f.r.FS(), path)
			if err != nil || !bytes.Equal(content, wantContent) {
				t.Errorf("%s: %d bytes, %v; want %d", path, len(content), err, len(wantContent))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(filepath.Join(dir, "etc/passwd")); err != nil || string(content) != "root:x:0:0\n" {
		t.Errorf("synthetic file: %q, %v", content, err)
	}
	var st unix.Stat_t
	if err := unix.Lstat(filepath.Join(dir, "scratch/user"), &st); err != nil || st.Mode != unix.S_IFDIR|0o700 || st.Uid != 12 || st.Gid != 34 {
		t.Errorf("synthetic directory: %+v, %v", st, err)
	}
}

func TestMountXattrs(t *testing.T) {
	f := newFS(t, "zstd", Options{})
	dir := mount(t, f, nil, unix.MS_RDONLY)
	hello := filepath.Join(dir, "etc/hello")
	buf := make([]byte, 100)
	n, err := unix.Getxattr(hello, "user.comment", buf)
	if err != nil || string(buf[:n]) != "a value" {
		t.Errorf("value %q, %v", buf[:max(n, 0)], err)
	}
	if n, err = unix.Getxattr(hello, "user.comment", nil); err != nil || n != 7 {
		t.Errorf("size %d, %v", n, err)
	}
	if _, err = unix.Getxattr(hello, "user.comment", buf[:3]); !errors.Is(err, unix.ERANGE) {
		t.Errorf("small buffer: %v", err)
	}
	if n, err = unix.Listxattr(hello, buf); err != nil || string(buf[:n]) != "user.comment\x00" {
		t.Errorf("names %q, %v", buf[:max(n, 0)], err)
	}
	if _, err = unix.Listxattr(hello, buf[:3]); !errors.Is(err, unix.ERANGE) {
		t.Errorf("small buffer for names: %v", err)
	}
	if n, err = unix.Listxattr(filepath.Join(dir, "null"), buf); err != nil || n != 0 {
		t.Errorf("names of a file without: %d, %v", n, err)
	}

	bare := newFS(t, "nofrag", Options{})
	dir = mount(t, bare, nil, unix.MS_RDONLY)
	if _, err = unix.Getxattr(filepath.Join(dir, "etc/hello"), "user.comment", buf); !errors.Is(err, unix.EOPNOTSUPP) {
		t.Errorf("image without xattrs: %v", err)
	}
}

// TestChangesAreRefused mounts without MS_RDONLY, so that the kernel asks.
func TestChangesAreRefused(t *testing.T) {
	f := newFS(t, "zstd", Options{})
	dir := mount(t, f, nil, 0)
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, err := range map[string]error{
		"create":      second(os.Create(at("new"))),
		"mkdir":       os.Mkdir(at("new"), 0o755),
		"mkfifo":      unix.Mkfifo(at("new"), 0o644),
		"symlink":     os.Symlink("x", at("new")),
		"link":        os.Link(at("zero"), at("new")),
		"unlink":      unix.Unlink(at("zero")),
		"rmdir":       unix.Rmdir(at("empty")),
		"rename":      os.Rename(at("zero"), at("new")),
		"chmod":       os.Chmod(at("zero"), 0o600),
		"truncate":    os.Truncate(at("one-block"), 1),
		"write":       os.WriteFile(at("zero"), []byte("x"), 0o644),
		"append":      appendTo(at("zero")),
		"setxattr":    unix.Setxattr(at("etc/hello"), "user.new", []byte("x"), 0),
		"removexattr": unix.Removexattr(at("etc/hello"), "user.comment"),
	} {
		if !errors.Is(err, unix.EROFS) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// appendTo opens a file for writing, which succeeds once the kernel has learnt
// not to ask, and writes.
func appendTo(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString("x")
	return errors.Join(err, f.Close())
}

func second[T any](_ T, err error) error { return err }

// counter counts requests by kind.
type counter struct {
	mu     sync.Mutex
	counts map[opcode]int
}

func (c *counter) observe(op opcode) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[op]++
}

// take returns the counts since the last take.
func (c *counter) take() map[opcode]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := c.counts
	c.counts = map[opcode]int{}
	return counts
}

// TestFewRequests walks a tree of 10 directories and 327 names with a stat of
// each, twice, and reads a file twice.
func TestFewRequests(t *testing.T) {
	f := newFS(t, "zstd", Options{})
	c := &counter{counts: map[opcode]int{}}
	dir := mount(t, f, c.observe, unix.MS_RDONLY)
	find := func() {
		err := filepath.Walk(dir, func(_ string, _ fs.FileInfo, err error) error { return err })
		if err != nil {
			t.Fatal(err)
		}
	}
	c.take() // what answerPoll asked
	find()
	first := c.take()
	t.Logf("first walk: %v", first)
	// Two requests for a small directory (the second finds its end), eight for
	// the one of 300 names.
	if first[opLookup] != 0 || first[opGetattr] > 1 || first[opOpendir] != 1 || first[opReaddirplus] > 8*2+20 {
		t.Errorf("first walk took %v", first)
	}
	find()
	if again := c.take(); len(again) > 0 {
		t.Errorf("second walk took %v", again)
	}
	for range 2 {
		if _, err := os.ReadFile(filepath.Join(dir, "usr/bin/text")); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Readlink(filepath.Join(dir, "etc/sym")); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, "etc/none")); !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	// No open: answerPoll's was the last.
	want := map[opcode]int{opRead: 1, opReadlink: 1, opLookup: 1}
	if diff := cmp.Diff(want, c.take()); diff != "" {
		t.Errorf("reading twice: %s", diff)
	}
}
