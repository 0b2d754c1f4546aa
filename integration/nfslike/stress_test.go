package nfslike

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestStress does everything to few names, on two nodes, of which one crashes at
// the end. It must end, without errors that a program would not expect of NFS.
func TestStress(t *testing.T) {
	expected := []syscall.Errno{
		unix.ENOENT, unix.EEXIST, unix.ESTALE, unix.ENOTEMPTY, unix.EISDIR, unix.ENOTDIR, unix.EAGAIN, unix.EBUSY,
		unix.EPERM, unix.EINVAL, unix.ELOOP,
	}
	for _, stale := range []bool{false, true} {
		t.Run(fmt.Sprint("stale handles ", stale), func(t *testing.T) {
			l := newLab(t, Options{AttrDelay: 10 * time.Millisecond, StaleHandles: stale, LostReplies: 0.1})
			end := time.Now().Add(1500 * time.Millisecond)
			var crashed sync.WaitGroup
			var workers sync.WaitGroup
			crashed.Add(1)
			for k := range 8 {
				workers.Go(func() {
					n := []*Node{l.a, l.b}[k%2]
					random := rand.New(rand.NewPCG(uint64(k), 0))
					for time.Now().Before(end.Add(200 * time.Millisecond)) {
						err := step(n.Dir(), random)
						if n == l.b && time.Now().After(end.Add(-50*time.Millisecond)) && errno(err) == syscall.EIO {
							continue
						}
						if err != nil && !slices.Contains(expected, errno(err)) {
							t.Errorf("%v", err)
							return
						}
					}
				})
			}
			time.Sleep(time.Until(end))
			l.b.Crash()
			done := make(chan struct{})
			go func() { workers.Wait(); close(done) }()
			select {
			case <-done:
			case <-time.After(20 * time.Second):
				t.Fatal("it does not end")
			}
		})
	}
}

// step does one thing.
func step(dir string, random *rand.Rand) error {
	name := func() string {
		return filepath.Join(dir, []string{"a", "b", "c", "d", "d/a", "d/b", "e", "e/a", "e/d"}[random.IntN(9)])
	}
	switch random.IntN(14) {
	case 0:
		return os.WriteFile(name(), make([]byte, random.IntN(3*pageSize)), 0o644)
	case 1:
		_, err := os.ReadFile(name())
		return err
	case 2:
		return exclusive(name())
	case 3:
		return os.Mkdir(name(), 0o755)
	case 4, 5:
		return os.Rename(name(), name())
	case 6:
		return os.Link(name(), name())
	case 7:
		return syscall.Unlink(name())
	case 8:
		return syscall.Rmdir(name())
	case 9:
		_, err := os.ReadDir(name())
		return err
	case 10:
		_, err := os.Stat(name())
		return err
	case 11:
		return os.Truncate(name(), int64(random.IntN(3*pageSize)))
	case 12:
		return os.Symlink("a", name())
	default:
		f, err := os.OpenFile(name(), os.O_RDWR|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		_, writeErr := f.Write(make([]byte, random.IntN(pageSize)))
		lockErr := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		_, readErr := f.ReadAt(make([]byte, 10), 0)
		if readErr != nil && errno(readErr) == 0 {
			readErr = nil // the end of the file
		}
		return errors.Join(writeErr, lockErr, readErr, f.Close())
	}
}
