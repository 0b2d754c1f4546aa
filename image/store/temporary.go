package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A temporary file is called .converting-WHAT@HOST@RANDOM and flocked by its
// owner. A lock file is called .converting-WHAT.lock and means nothing but its
// flock.
const (
	temporaryPrefix = ".converting-"
	lockSuffix      = ".lock"

	// temporaryProfile begins the temporary files of squash/profile, which
	// nobody locks.
	temporaryProfile = ".profile-"

	// foreignGrace is how long another host's temporary file must have been
	// left alone before it counts as dead: its lock may not be visible here,
	// and a suspended job may sleep for long.
	foreignGrace = 24 * time.Hour
)

func isTemporary(name string) bool { return strings.HasPrefix(name, temporaryPrefix) }

// createTemporary makes a locked temporary file in dir.
func (s *Store) createTemporary(dir, what string) (*os.File, error) {
	for {
		path := filepath.Join(dir, temporaryName(what))
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return nil, fmt.Errorf("creating a temporary file: %w", err)
		}
		if lockTemporary(f) {
			return f, nil
		}
		_ = f.Close() // a sweeper was faster than our lock; once more
	}
}

// createTemporaryDir makes a locked temporary directory in the objects
// directory. Closing the file returned does not remove it.
func (s *Store) createTemporaryDir(what string) (*os.File, error) {
	for {
		path := filepath.Join(s.objectsDir(), temporaryName(what))
		if err := os.Mkdir(path, 0o700); err != nil {
			return nil, fmt.Errorf("creating a temporary directory: %w", err)
		}
		f, err := os.Open(path)
		if err == nil && lockTemporary(f) {
			return f, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("creating a temporary directory: %w", err)
		}
		if f != nil {
			_ = f.Close()
		}
	}
}

func temporaryName(what string) string {
	return temporaryPrefix + what + "@" + hostname() + "@" + rand.Text()
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "unknown"
	}
	return strings.Map(func(r rune) rune {
		if r == '@' || r == '/' {
			return '_'
		}
		return r
	}, name)
}

// lockTemporary takes the lock on a file just made and reports whether the file
// is still there. Where locks do not work it is taken as held: sweepers then
// cannot take it either.
func lockTemporary(f *os.File) bool {
	_ = flock(f, unix.LOCK_EX)
	return stillNamed(f)
}

// flock is flock(2), repeated when a signal interrupts it.
func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// stillNamed reports whether f is what its name leads to.
func stillNamed(f *os.File) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(f.Name())
	return err == nil && os.SameFile(opened, named)
}

// sweep removes what dead processes left behind. It is best effort: what cannot
// be removed now is met again by the next one.
func (s *Store) sweep() {
	for _, dir := range []string{s.objectsDir(), s.refsDir(), s.aliasesDir()} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			switch {
			case isTemporary(e.Name()):
				sweepOne(path)
			case strings.HasPrefix(e.Name(), temporaryProfile):
				sweepOld(path)
			case dir == s.objectsDir() && isBeside(e.Name()):
				sweepOrphan(path)
			}
		}
	}
}

func sweepOne(path string) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	if flock(f, unix.LOCK_EX|unix.LOCK_NB) != nil || !stillNamed(f) {
		return // alive, or gone, or locks do not work here
	}
	if !ofThisHost(path) {
		info, err := f.Stat()
		if err != nil || time.Since(info.ModTime()) < foreignGrace {
			return
		}
	}
	_ = os.RemoveAll(path)
}

// sweepOrphan removes what stands beside an object that is not there: it was
// never published, or a program that started in it recorded its profile when it
// had been removed. Every commit has such a moment, hence the grace.
func sweepOrphan(path string) {
	stem, _, _ := strings.Cut(filepath.Base(path), ".")
	_, err := os.Lstat(filepath.Join(filepath.Dir(path), stem+imageSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		sweepOld(path)
	}
}

// sweepOld removes a file that nobody has written to for long.
func sweepOld(path string) {
	info, err := os.Lstat(path)
	if err == nil && time.Since(info.ModTime()) > foreignGrace {
		_ = os.Remove(path)
	}
}

// ofThisHost reports whether the flock on path tells all: temporary files of
// this host, and lock files, which mean nothing without their lock.
func ofThisHost(path string) bool {
	if strings.HasSuffix(path, lockSuffix) {
		return true
	}
	parts := strings.Split(filepath.Base(path), "@")
	return len(parts) == 3 && parts[1] == hostname()
}
