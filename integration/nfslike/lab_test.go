package nfslike

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// attrDelay is long enough for a test to see what is old, and tick what the
// kernel and a busy machine may add to it.
const (
	attrDelay = 400 * time.Millisecond
	tick      = 100 * time.Millisecond
)

// lab is a server with two nodes.
type lab struct {
	*testing.T
	server  *Server
	backing string
	a, b    *Node
}

func newLab(t *testing.T, o Options) *lab {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: the nodes let other users in, and files belong to those who make them")
	}
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		t.Skipf("needs FUSE: %v", err)
	} else {
		f.Close()
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	top := t.TempDir()
	must(t, os.Chmod(filepath.Dir(top), 0o755)) // for other users
	l := &lab{T: t, backing: filepath.Join(top, "backing")}
	must(t, os.Mkdir(l.backing, 0o777))
	must(t, os.Chmod(l.backing, 0o777))
	l.server = NewServer(l.backing, o)
	l.a, l.b = l.mount(filepath.Join(top, "a")), l.mount(filepath.Join(top, "b"))
	t.Cleanup(func() { // after the nodes' own, which run first if they come later
		mounts, err := os.ReadFile("/proc/self/mounts")
		must(t, err)
		if strings.Contains(string(mounts), top) {
			t.Errorf("there are mounts left below %s", top)
		}
	})
	t.Cleanup(func() {
		for _, n := range []*Node{l.a, l.b} {
			if err := n.Unmount(); err != nil {
				t.Error(err)
			}
		}
		l.server.mu.Lock()
		defer l.server.mu.Unlock()
		for _, h := range l.server.handles {
			t.Errorf("inode %d is still referred to %d times", h.id.ino, h.refs)
		}
	})
	return l
}

func (l *lab) mount(dir string) *Node {
	l.Helper()
	must(l, os.Mkdir(dir, 0o755))
	n, err := l.server.Mount(dir)
	must(l, err)
	return n
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

func (n *Node) path(name string) string { return filepath.Join(n.Dir(), name) }

func (l *lab) write(n *Node, name, contents string) {
	l.Helper()
	must(l, os.WriteFile(n.path(name), []byte(contents), 0o644))
}

// replace writes a new file and renames it over name.
func (l *lab) replace(n *Node, name, contents string) {
	l.Helper()
	l.write(n, name+".new", contents)
	must(l, os.Rename(n.path(name+".new"), n.path(name)))
}

func (l *lab) read(n *Node, name string) string {
	l.Helper()
	data, err := os.ReadFile(n.path(name))
	must(l, err)
	return string(data)
}

// open opens for the time of the test.
func (l *lab) open(n *Node, name string, flags int) *os.File {
	l.Helper()
	f, err := os.OpenFile(n.path(name), flags, 0o644)
	must(l, err)
	l.Cleanup(func() { f.Close() })
	return f
}

// at reads from a file that stays open.
func (l *lab) at(f *os.File, size int) string {
	l.Helper()
	buf := make([]byte, size)
	n, err := f.ReadAt(buf, 0)
	if n == 0 {
		must(l, err)
	}
	return string(buf[:n])
}

func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// soon waits for what may take a moment, and fails when it takes a long one.
func soon(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 5 s", what)
		}
	}
}

// becomes checks that something true of a cache stays for a while and not for
// longer than AttrDelay after since. It returns for how long.
func becomes(t testing.TB, since time.Time, what string, fresh func() bool) time.Duration {
	t.Helper()
	for {
		asked := time.Now()
		if fresh() {
			return asked.Sub(since)
		}
		if asked.Sub(since) > attrDelay+tick {
			t.Fatalf("%s: still not after %v", what, asked.Sub(since))
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func errno(err error) syscall.Errno {
	var e syscall.Errno
	errors.As(err, &e)
	return e
}
