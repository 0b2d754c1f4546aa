package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/presence"
	"github.com/opencontainers/go-digest"
)

// A lease says that somebody uses an object, so that garbage collection on
// another host lets it be. It is a beacon (package presence) LEASES/<stem>@<random>.use,
// which the server of a running sandbox keeps alive and marks as ended; beside
// it <stem>.used, or <stem>.<uid>.used for an object of the site, has the time of
// the last use as its modification time.
const (
	leaseSuffix = ".use"
	usedSuffix  = ".used"

	// leaseGrace is how old a lease of another machine may be; it is written
	// every minute.
	leaseGrace = 15 * time.Minute
)

// OpenFile opens the file of an object. The error wraps ErrNotFound when it has
// been removed meanwhile: look for the object again.
func (s *Store) OpenFile(o Object) (*os.File, error) {
	file, err := os.Open(o.Path)
	if errors.Is(err, fs.ErrNotExist) || isStale(err) {
		return nil, fmt.Errorf("opening %s: %w", o.Digest, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the image's file: %w", err)
	}
	return file, nil
}

// Lease takes a lease on an object whose file is open, for a job: to be handed to
// whoever serves the file, with presence.Keep. It is nil when the store cannot be
// written; the object can be used all the same. The error wraps ErrNotFound when
// the object has been removed meanwhile: look for it again.
func (s *Store) Lease(o Object, file *os.File, job string) (*os.File, error) {
	s.step("lease")
	lease, err := s.lease(o, job)
	if err != nil {
		return nil, nil //nolint:nilerr // a full disk must not stop what only reads
	}
	// Collection looks for leases after it has taken an object's name away, and
	// we look for the name after we have a lease: one of us sees the other.
	if !isAt(file, o.Path) {
		_ = os.Remove(lease.Name())
		_ = lease.Close()
		return nil, fmt.Errorf("opening %s: %w", o.Digest, ErrNotFound)
	}
	return lease, nil
}

// lease makes a lease on o, and forgets those of o that have ended.
func (s *Store) lease(o Object, job string) (*os.File, error) {
	stem, err := fileStem(o.Digest)
	if err != nil {
		return nil, err
	}
	dir, mode := s.own.leases(), fs.FileMode(0o600)
	used := filepath.Join(dir, stem+usedSuffix)
	if o.Site {
		dir, mode = s.site.leases(), 0o644 // for the service account
		used = filepath.Join(dir, stem+"."+strconv.Itoa(s.clock.uid())+usedSuffix)
	} else if err := s.makeRealm(); err != nil {
		return nil, err
	}
	f, err := createNew(filepath.Join(dir, stem+"@"+rand.Text()+leaseSuffix), mode)
	if err != nil {
		return nil, fmt.Errorf("taking a lease: %w", err)
	}
	if err := s.sign(job).Write(f); err != nil {
		_ = os.Remove(f.Name())
		_ = f.Close()
		return nil, err
	}
	_ = touch(used, mode) // the lease tells the time, too
	if !o.Site {
		s.foldLeases(stem)
	}
	return f, nil
}

// foundLease is somebody's lease.
type foundLease struct {
	path string
	stem string
	presence.Sign
	readable bool
	written  time.Time
}

// leases reads the leases on this store's own objects and when each was last used.
func (s *Store) leases() (leases []foundLease, used map[string]time.Time, err error) {
	if s.dropBox == "" {
		return leasesIn(s.own.leases(), time.Time{})
	}
	// Anybody can date a file to a time that is still to come.
	leases, used, err = leasesIn(s.dropBox, s.clock.now().Add(clockSlack))
	if err != nil {
		return nil, nil, err
	}
	_, folded, err := leasesIn(s.usedDir(), time.Time{})
	for stem, t := range folded {
		if t.After(used[stem]) {
			used[stem] = t
		}
	}
	return leases, used, err
}

// leasesIn reads the leases in a directory and when each object was last used.
// Times after latest, unless that is zero, count as none.
func leasesIn(dir string, latest time.Time) (leases []foundLease, used map[string]time.Time, err error) {
	used = map[string]time.Time{}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, used, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("listing leases: %w", err)
	}
	note := func(stem string, t time.Time) {
		if t.After(used[stem]) && (latest.IsZero() || !t.After(latest)) {
			used[stem] = t
		}
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if stem, ok := strings.CutSuffix(e.Name(), usedSuffix); ok {
			stem, _, _ = strings.Cut(stem, ".")
			if info, err := os.Lstat(path); err == nil {
				note(stem, info.ModTime())
			}
			continue
		}
		stem, _, ok := strings.Cut(e.Name(), "@")
		if !ok || !strings.HasSuffix(e.Name(), leaseSuffix) {
			continue
		}
		l, err := readLease(path)
		if err != nil {
			continue // gone
		}
		l.stem = stem
		note(stem, l.written)
		if !latest.IsZero() && l.written.After(latest) {
			l.written = time.Time{}
		}
		leases = append(leases, l)
	}
	return leases, used, nil
}

// readLease reads a lease. Only one that is gone is an error: what cannot be
// read is judged by its age.
func readLease(path string) (foundLease, error) {
	l := foundLease{path: path}
	info, err := os.Lstat(path)
	if err != nil {
		return l, err
	}
	l.written = info.ModTime()
	f, err := openPlain(path, os.O_RDONLY, 0)
	if err != nil {
		return l, nil // judged by its age
	}
	defer f.Close()
	if l.Sign, err = presence.ReadSign(io.LimitReader(f, 1<<12)); err == nil {
		l.readable = true
	}
	return l, nil
}

// live reports whether somebody may still use what l is about. now is by the
// storage's clock.
func (s *Store) live(l foundLease, now time.Time) bool {
	switch {
	case l.readable && (l.Ended || s.clock.gone(l.Owner)):
		return false
	case l.readable && s.clock.here(l.Owner):
		return true
	}
	return now.Sub(l.written) < leaseGrace
}

// foldLeases removes the leases of an object that have ended, after the time of
// its last use is in its .used file.
func (s *Store) foldLeases(stem string) {
	for _, path := range namesIn(s.own.leases(), stem+"@", leaseSuffix) {
		if l, err := readLease(path); err == nil && l.readable && (l.Ended || s.clock.gone(l.Owner)) {
			_ = os.Remove(path) // .used was touched just now, which is later
		}
	}
}

// users counts the running jobs that have taken a lease on d.
func (s *Store) users(d digest.Digest) (int, error) {
	stem, err := fileStem(d)
	if err != nil {
		return 0, err
	}
	leases, _, err := s.leases()
	n, now := 0, time.Time{}
	for _, l := range leases {
		if l.stem != stem {
			continue
		}
		if now.IsZero() {
			now = s.storageNow(s.own.leases())
		}
		if s.live(l, now) {
			n++
		}
	}
	return n, err
}
