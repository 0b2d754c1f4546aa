package state

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// draftPrefix begins the names of files that are being written. Their writer holds a lock
// on them, so that others can tell a draft that a killed process has left.
const draftPrefix = ".new-"

// newDraft makes a file in dir that is locked for as long as it is open.
func newDraft(dir string) (*os.File, error) {
	for {
		f, err := os.CreateTemp(dir, draftPrefix+"*")
		if err != nil {
			return nil, err
		}
		var info unix.Stat_t
		err = flock(f, unix.LOCK_EX)
		if err == nil {
			err = unix.Fstat(int(f.Fd()), &info)
		}
		if err == nil && info.Nlink > 0 {
			return f, nil
		}
		_ = f.Close()
		if err != nil {
			_ = os.Remove(f.Name())
			return nil, err
		}
		// Tidy has taken it for somebody else's, before it was locked.
	}
}

// flock is flock(2), again after a signal.
func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// draftAge is how old a draft is at least that Tidy removes: the lock alone would do, but
// for a jadm of before there was one.
const draftAge = time.Hour

// Tidy removes the drafts in a directory of jadm's that killed processes have left. What
// it cannot remove stays for the next time.
func Tidy(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), draftPrefix) && e.Type().IsRegular() {
			removeDraft(filepath.Join(dir, e.Name()))
		}
	}
}

func removeDraft(path string) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || time.Since(info.ModTime()).Abs() < draftAge {
		return
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); !ok || int(owner.Uid) != os.Geteuid() {
		return
	}
	if flock(f, unix.LOCK_EX|unix.LOCK_NB) == nil {
		_ = os.Remove(path)
	}
}

// tidied are the directories that this process has tidied.
var tidied sync.Map

// tidyOnce is Tidy for the first time that a process writes into a directory: those that
// are killed come again, and listing thousands of documents for each one would take longer
// than writing it.
func tidyOnce(dir string) {
	if _, done := tidied.LoadOrStore(dir, true); !done {
		Tidy(dir)
	}
}
