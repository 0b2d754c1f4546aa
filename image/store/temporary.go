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

	"github.com/jrun-hpc/jrun/presence"
)

// A temporary file is called .converting-WHAT@OWNER@RANDOM, where OWNER is the
// process that makes it.
const (
	temporaryPrefix = ".converting-"

	// temporaryProfile begins the temporary files of squash/profile, which do not
	// say whose they are.
	temporaryProfile = ".profile-"

	// foreignGrace is how long a temporary file of another machine must have been
	// left alone before it counts as dead when nobody has time to watch its
	// owner: a suspended job may sleep for long.
	foreignGrace = 24 * time.Hour
)

func isTemporary(name string) bool { return strings.HasPrefix(name, temporaryPrefix) }

func (s *Store) temporaryName(what string) string {
	return temporaryPrefix + what + "@" + s.clock.self.String() + "@" + rand.Text()
}

// parseTemporary tells what a temporary file was to become, and whose it is.
func parseTemporary(name string) (what string, owner presence.Owner, ok bool) {
	parts := strings.Split(strings.TrimPrefix(name, temporaryPrefix), "@")
	if !isTemporary(name) || len(parts) != 3 {
		return "", owner, false
	}
	owner, err := presence.Parse(parts[1])
	return parts[0], owner, err == nil
}

// createTemporary makes a temporary file in dir.
func (s *Store) createTemporary(dir, what string) (*os.File, error) {
	f, err := createNew(filepath.Join(dir, s.temporaryName(what)), 0o600)
	if err != nil {
		return nil, fmt.Errorf("creating a temporary file: %w", err)
	}
	return f, nil
}

// createNew makes a file under a name that nobody else can have chosen. If it is
// there, a network file system has lost the answer to our request and asked again
// (RFC 1813, section 4.9).
func createNew(path string, mode fs.FileMode) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		f, err = os.OpenFile(path, os.O_RDWR, 0)
	}
	return f, err
}

// createTemporaryDir makes a temporary directory in the objects directory.
func (s *Store) createTemporaryDir(what string) (string, error) {
	path := filepath.Join(s.objectsDir(), s.temporaryName(what))
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("creating a temporary directory: %w", err)
	}
	return path, nil
}

// stillNamed reports whether f is what its name leads to.
func stillNamed(f *os.File) bool { return isAt(f, f.Name()) }

// isAt reports whether f is what path leads to.
func isAt(f *os.File, path string) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(path)
	return err == nil && os.SameFile(opened, named)
}

// namesIn lists the paths in dir of the names that begin and end like this; a
// pattern would also be matched against the directory's own name.
func namesIn(dir, begins, ends string) (paths []string) {
	entries, _ := os.ReadDir(dir) // what cannot be listed is met again by the next one
	for _, e := range entries {
		if name := e.Name(); strings.HasPrefix(name, begins) && strings.HasSuffix(name, ends) {
			paths = append(paths, filepath.Join(dir, name))
		}
	}
	return paths
}

// sweep removes what dead processes left behind. It is best effort: what cannot
// be removed now is met again by the next one.
func (s *Store) sweep() {
	for _, dir := range []string{s.objectsDir(), s.refsDir(), s.aliasesDir(), s.own.leases(), s.own.pins(), s.own.jobs(), s.own.notes(), s.own.records()} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			switch {
			case isTemporary(e.Name()):
				s.sweepOne(path)
			case strings.HasPrefix(e.Name(), temporaryProfile):
				s.sweepOld(path)
			case dir == s.objectsDir() && isBeside(e.Name()):
				s.sweepOrphan(path)
			}
		}
	}
}

func (s *Store) sweepOne(path string) {
	_, owner, ok := parseTemporary(filepath.Base(path))
	switch {
	case ok && s.clock.gone(owner):
		_ = os.RemoveAll(path)
	case !ok || !s.clock.here(owner):
		s.sweepOld(path)
	}
}

// sweepOrphan removes what stands beside an object that is not there: it was
// never published, or a program that started in it recorded its profile when it
// had been removed. Every commit has such a moment, hence the grace.
func (s *Store) sweepOrphan(path string) {
	stem, _, _ := strings.Cut(filepath.Base(path), ".")
	_, err := os.Lstat(filepath.Join(filepath.Dir(path), stem+imageSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		s.sweepOld(path)
	}
}

// sweepOld removes what nobody has written to for long.
func (s *Store) sweepOld(path string) {
	info, err := os.Lstat(path)
	if err == nil && s.clock.now().Sub(info.ModTime()) > foreignGrace {
		_ = os.RemoveAll(path)
	}
}
