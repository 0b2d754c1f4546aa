package nfslike

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestCrash(t *testing.T) {
	l := newLab(t, Options{AttrDelay: time.Hour, StaleHandles: true})
	f := l.open(l.a, "f", os.O_RDWR|os.O_CREATE)
	_, err := f.WriteString("safe")
	must(t, err)
	must(t, f.Sync())
	_, err = f.WriteString(" and lost")
	must(t, err)
	l.write(l.a, "removed", "x")
	removed := l.open(l.a, "removed", os.O_RDONLY)
	must(t, os.Remove(l.a.path("removed")))
	must(t, unix.Flock(int(f.Fd()), unix.LOCK_EX))
	_ = exists(l.a.path("absent"))
	names(t, l.a.Dir())

	l.a.Crash()
	if got := l.read(l.b, "f"); got != "safe" {
		t.Errorf("B reads %q", got)
	}
	other := l.open(l.b, "f", os.O_RDWR)
	must(t, unix.Flock(int(other.Fd()), unix.LOCK_EX|unix.LOCK_NB))

	_, err = f.WriteString("x")
	is(t, err, syscall.EIO)
	_, err = f.ReadAt(make([]byte, 1), 0)
	is(t, err, syscall.EIO)
	_, err = f.Stat()
	is(t, err, syscall.EIO)
	is(t, f.Sync(), syscall.EIO)
	is(t, f.Close(), syscall.EIO)
	is(t, removed.Close(), syscall.EIO)
	for _, name := range []string{"", "f", "absent", "new"} {
		_, err = os.Stat(l.a.path(name))
		is(t, err, syscall.EIO)
	}
	is(t, os.Mkdir(l.a.path("d"), 0o755), syscall.EIO)
	is(t, exclusive(l.a.path("new")), syscall.EIO)
	_, err = os.ReadDir(l.a.Dir())
	is(t, err, syscall.EIO)

	if got := l.read(l.b, "f"); got != "safe" {
		t.Errorf("after the processes of A ended B reads %q", got)
	}
	if got := silly(t, l.b); len(got) != 1 {
		t.Errorf("the removed file that A had open is not left: %q", names(t, l.b.Dir()))
	}
}

// TestCrashWhileWaiting ends a wait for a lock.
func TestCrashWhileWaiting(t *testing.T) {
	l := newLab(t, Options{})
	l.write(l.b, "f", "")
	holder, waiter := l.open(l.b, "f", os.O_RDWR), l.open(l.a, "f", os.O_RDWR)
	must(t, unix.Flock(int(holder.Fd()), unix.LOCK_EX))
	ended := make(chan error)
	go func() { ended <- unix.Flock(int(waiter.Fd()), unix.LOCK_EX) }()
	time.Sleep(20 * time.Millisecond)
	l.a.Crash()
	select {
	case err := <-ended:
		is(t, err, syscall.EIO)
	case <-time.After(5 * time.Second):
		t.Fatal("still waiting")
	}
}

// TestUnmountBusy unmounts a node that has a file open.
func TestUnmountBusy(t *testing.T) {
	for _, crashed := range []bool{false, true} {
		l := newLab(t, Options{})
		n := l.mount(filepath.Join(filepath.Dir(l.backing), "c"))
		f, err := os.Create(n.path("f"))
		must(t, err)
		if crashed {
			n.Crash()
		}
		if err := n.Unmount(); (errno(err) == syscall.EBUSY) == crashed {
			t.Errorf("crashed %v: unmounting says %v", crashed, err)
		}
		mounts, err := os.ReadFile("/proc/self/mounts")
		must(t, err)
		if strings.Contains(string(mounts), n.Dir()) {
			t.Error("still mounted")
		}
		is(t, f.Sync(), syscall.EIO)
		f.Close()
		<-n.served // or handles would be counted as left
		soon(t, "forgetting", func() bool { return exists(l.b.path("f")) })
	}
}
