package nfslike

import (
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func tryLock(f *os.File, how int) error { return unix.Flock(int(f.Fd()), how|unix.LOCK_NB) }

func TestFlock(t *testing.T) {
	l := newLab(t, Options{AttrDelay: time.Hour})
	l.write(l.a, "f", "old")
	a, b := l.open(l.a, "f", os.O_RDWR), l.open(l.b, "f", os.O_RDWR)
	readOnly := l.open(l.b, "f", os.O_RDONLY)
	l.at(b, 3)
	must(t, tryLock(a, unix.LOCK_EX))
	is(t, tryLock(b, unix.LOCK_EX), syscall.EAGAIN)
	is(t, tryLock(b, unix.LOCK_SH), syscall.EAGAIN)
	is(t, tryLock(readOnly, unix.LOCK_EX), syscall.EBADF)

	got := make(chan error)
	go func() { got <- unix.Flock(int(b.Fd()), unix.LOCK_EX) }()
	select {
	case err := <-got:
		t.Fatalf("B did not wait: %v", err)
	case <-time.After(30 * time.Millisecond):
	}
	_, err := a.WriteAt([]byte("new"), 0)
	must(t, err)
	must(t, tryLock(a, unix.LOCK_UN))
	must(t, <-got)
	if s := l.at(b, 3); s != "new" {
		t.Errorf("with the lock B reads %q", s)
	}
	is(t, tryLock(a, unix.LOCK_SH), syscall.EAGAIN)
	must(t, b.Close()) // the last of this open file
	must(t, tryLock(a, unix.LOCK_SH))
	must(t, tryLock(readOnly, unix.LOCK_SH))
	is(t, tryLock(a, unix.LOCK_EX), syscall.EAGAIN)
}

func rangeLock(f *os.File, kind int16, start, length int64) error {
	return unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: kind, Whence: io.SeekStart, Start: start, Len: length})
}

func TestRangeLocks(t *testing.T) {
	l := newLab(t, Options{})
	l.write(l.a, "f", "contents")
	a, b := l.open(l.a, "f", os.O_RDWR), l.open(l.b, "f", os.O_RDWR)
	must(t, rangeLock(a, unix.F_WRLCK, 0, 10))
	must(t, rangeLock(a, unix.F_UNLCK, 4, 2))
	is(t, rangeLock(b, unix.F_WRLCK, 3, 1), syscall.EAGAIN)
	must(t, rangeLock(b, unix.F_WRLCK, 4, 2))
	is(t, rangeLock(b, unix.F_RDLCK, 6, 1), syscall.EAGAIN)
	must(t, rangeLock(b, unix.F_WRLCK, 10, 0))
	asked := unix.Flock_t{Type: unix.F_RDLCK, Start: 0, Len: 1}
	must(t, unix.FcntlFlock(b.Fd(), unix.F_GETLK, &asked))
	if asked.Type != unix.F_WRLCK || asked.Len != 4 {
		t.Errorf("the lock in the way is said to be %+v", asked)
	}
	must(t, l.open(l.a, "f", os.O_RDONLY).Close()) // any close of the process
	must(t, rangeLock(b, unix.F_WRLCK, 0, 0))
	is(t, tryLock(a, unix.LOCK_EX), syscall.EAGAIN) // flock meets fcntl
}

func TestNoLocks(t *testing.T) {
	l := newLab(t, Options{NoLocks: true})
	l.write(l.a, "f", "")
	f := l.open(l.a, "f", os.O_RDWR)
	is(t, tryLock(f, unix.LOCK_EX), syscall.ENOLCK)
	is(t, rangeLock(f, unix.F_WRLCK, 0, 0), syscall.ENOLCK)
}

func TestLocalLocks(t *testing.T) {
	l := newLab(t, Options{LocalLocks: true})
	l.write(l.a, "f", "")
	must(t, tryLock(l.open(l.a, "f", os.O_RDWR), unix.LOCK_EX))
	is(t, tryLock(l.open(l.a, "f", os.O_RDWR), unix.LOCK_EX), syscall.EAGAIN)
	must(t, tryLock(l.open(l.b, "f", os.O_RDWR), unix.LOCK_EX))
}
