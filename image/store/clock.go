package store

import (
	"fmt"
	"os"
	"time"

	"github.com/jrun-hpc/jrun/presence"
	"golang.org/x/sys/unix"
)

// clock is how a Store tells time and who is alive. Hosts are expected to agree
// on the time within a minute, and nothing shorter than two is decided by
// comparing times of different machines: shorter waits are measured by this
// process alone.
type clock struct {
	now   func() time.Time
	sleep func(time.Duration) <-chan time.Time
	self  presence.Owner
	gone  func(presence.Owner) bool
	uid   func() int
	files func(*Store, string) time.Time // by which files in a directory are stamped
}

func newClock() *clock {
	return &clock{now: time.Now, sleep: time.After, self: presence.Self(), gone: presence.Owner.Gone, uid: os.Getuid, files: (*Store).askStorage}
}

// Now is the time by which everything in the store is dated.
func (s *Store) Now() time.Time { return s.clock.now() }

// here reports whether o is of this machine, so that gone is the whole truth.
func (c *clock) here(o presence.Owner) bool { return o.Machine == c.self.Machine && o.Here() }

// storageNow is the time by the clock that stamps files in dir: a file server's
// may differ from ours. Without an answer it is ours.
func (s *Store) storageNow(dir string) time.Time { return s.clock.files(s, dir) }

func (s *Store) askStorage(dir string) time.Time {
	f, err := s.createTemporary(dir, "clock")
	if err != nil {
		return s.clock.now()
	}
	defer func() {
		_ = os.Remove(f.Name())
		_ = f.Close()
	}()
	info, err := f.Stat()
	if err != nil {
		return s.clock.now()
	}
	return info.ModTime()
}

// touch sets the modification time of path to now by the storage's clock, and
// makes the file if it is missing.
func touch(path string, mode os.FileMode) error {
	// Omitting the time means now, by the server where there is one.
	return stamp(path, mode, unix.Timespec{Nsec: unix.UTIME_NOW})
}

// stamp sets the modification time of path, and makes the file if it is missing.
func stamp(path string, mode os.FileMode, to unix.Timespec) error {
	f, err := openPlain(path, os.O_WRONLY|os.O_CREATE, mode)
	if err != nil {
		return fmt.Errorf("marking %s: %w", path, err)
	}
	err = unix.UtimesNanoAt(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", f.Fd()), []unix.Timespec{to, to}, 0)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("marking %s: %w", path, err)
	}
	return nil
}

// openPlain opens a regular file in a directory where others may have put
// anything: a symbolic link, which would lead to a file of ours, or a pipe, on
// which opening waits for ever.
func openPlain(path string, flags int, mode os.FileMode) (*os.File, error) {
	f, err := os.OpenFile(path, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK, mode)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", path)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
