package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// A deleted object is a directory DELETED/<unix time>-<stem>/ with the object's
// files. They are renamed, not copied, so that programs that have them open, on
// whatever host, go on reading.

// Deleted is an object that can be had back.
type Deleted struct {
	Digest    digest.Digest
	Time      time.Time // when it was deleted, by the storage's clock
	SizeBytes int64

	dir string
}

// Deleted lists the deleted objects, the oldest first.
func (s *Store) Deleted() ([]Deleted, error) {
	entries, err := os.ReadDir(s.own.deleted())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing deleted images: %w", err)
	}
	var all []Deleted
	for _, e := range entries {
		seconds, stem, ok := strings.Cut(e.Name(), "-")
		at, err := strconv.ParseInt(seconds, 10, 64)
		d, valid := digestOfStem(stem)
		if !ok || err != nil || !valid {
			continue
		}
		entry := Deleted{Digest: d, Time: time.Unix(at, 0).UTC(), dir: filepath.Join(s.own.deleted(), e.Name())}
		entry.SizeBytes = sizeOf(entry.dir, stem)
		all = append(all, entry)
	}
	slices.SortStableFunc(all, func(a, b Deleted) int { return a.Time.Compare(b.Time) })
	return all, nil
}

// sizeOf is the size of an object's files in dir, in bytes.
func sizeOf(dir, stem string) int64 {
	var bytes int64
	for _, path := range namesIn(dir, stem+".", "") {
		if info, err := os.Lstat(path); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}

// remove takes an object's name away and keeps its files in DELETED. When
// somebody has begun to use it at the same time it is put back, and kept is true.
func (s *Store) remove(d digest.Digest, unlessUsed bool) (kept bool, err error) {
	stem, err := fileStem(d)
	if err != nil {
		return false, err
	}
	if err := s.makeRealm(); err != nil {
		return false, err
	}
	path := filepath.Join(s.objectsDir(), stem+imageSuffix)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("removing %s: %w", d, ErrNotFound)
	}
	dir := filepath.Join(s.own.deleted(), fmt.Sprintf("%d-%s", s.storageNow(s.own.deleted()).Unix(), stem))
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return false, s.WriteFault(fmt.Errorf("removing %s: %w", d, err))
	}
	// What is beside it first, as second names: an object is never without them.
	for _, suffix := range []string{metaSuffix, indexSuffix} {
		if err := linkOrCopy(filepath.Join(s.objectsDir(), stem+suffix), filepath.Join(dir, stem+suffix)); err != nil {
			_ = os.RemoveAll(dir)
			return false, s.WriteFault(fmt.Errorf("removing %s: %w", d, err))
		}
	}
	s.step("remove")
	err = os.Rename(path, filepath.Join(dir, stem+imageSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		if _, statErr := os.Lstat(filepath.Join(dir, stem+imageSuffix)); statErr == nil {
			err = nil // only the answer was lost
		}
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("removing %s: %w", d, ErrNotFound)
		}
		return false, s.WriteFault(fmt.Errorf("removing %s: %w", d, err))
	}
	s.step("removed")
	if unlessUsed {
		if n, err := s.users(d); err == nil && n > 0 {
			return true, s.Undelete(d)
		}
	}
	// The object is invisible now: what follows only tidies up.
	return false, errors.Join(s.takeBeside(stem, dir), syncDir(s.objectsDir()))
}

// takeBeside removes what stood beside an object, which has second names in dir. A
// concurrent pull of the same digest may have put its own there meanwhile; that is
// given back, and its object looks damaged for a moment (see realm.get).
func (s *Store) takeBeside(stem, dir string) error {
	var failed error
	for _, suffix := range []string{metaSuffix, indexSuffix} {
		path, ours, taken := filepath.Join(s.objectsDir(), stem+suffix), filepath.Join(dir, stem+suffix), filepath.Join(dir, takenPrefix+suffix)
		err := os.Rename(path, taken)
		s.step("taken")
		if err == nil && !sameFile(ours, taken) && !hasSameContent(ours, taken) {
			if err = os.Link(taken, path); errors.Is(err, fs.ErrExist) {
				err = nil
			}
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, fmt.Errorf("removing what is beside %s: %w", stem, err))
		}
		_ = os.Remove(taken)
	}
	for _, path := range namesIn(s.objectsDir(), stem+".", profileSuffix) {
		_ = os.Remove(path) // it only costs the next start some time
	}
	return failed
}

// takenPrefix begins the name of what was taken from beside an object.
const takenPrefix = ".taken"

// hasSameContent is for file systems without links, where second names are copies.
func hasSameContent(a, b string) bool {
	textA, errA := os.ReadFile(a)
	textB, errB := os.ReadFile(b)
	return errA == nil && errB == nil && bytes.Equal(textA, textB)
}

// linkOrCopy gives a small file a second name. One that is not there is no error.
func linkOrCopy(from, to string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		return nil
	}
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600)
}

// Undelete gives a deleted object back, the one that was deleted last. The error
// wraps ErrNotFound when there is none; when the object is there again already,
// nothing is done.
func (s *Store) Undelete(d digest.Digest) error {
	stem, err := fileStem(d)
	if err != nil {
		return err
	}
	all, err := s.Deleted()
	if err != nil {
		return err
	}
	path := filepath.Join(s.objectsDir(), stem+imageSuffix)
	for _, entry := range slices.Backward(all) {
		if _, err := os.Lstat(filepath.Join(entry.dir, stem+imageSuffix)); entry.Digest != d || err != nil {
			continue
		}
		if _, err := os.Lstat(path); err == nil {
			return nil
		}
		for _, suffix := range []string{metaSuffix, indexSuffix} {
			if err := linkOrCopy(filepath.Join(entry.dir, stem+suffix), filepath.Join(s.objectsDir(), stem+suffix)); err != nil {
				return s.WriteFault(fmt.Errorf("restoring %s: %w", d, err))
			}
		}
		s.step("undelete")
		if err := os.Rename(filepath.Join(entry.dir, stem+imageSuffix), path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return s.WriteFault(fmt.Errorf("restoring %s: %w", d, err))
		}
		_ = os.RemoveAll(entry.dir)
		if _, err := s.Get(d); err != nil {
			return err
		}
		return touch(filepath.Join(s.usedDir(), stem+usedSuffix), 0o600)
	}
	return fmt.Errorf("restoring %s: %w", d, ErrNotFound)
}

// Remove deletes the object of d and the names and aliases that lead to it.
// Jobs that run in it go on: while there are any, its files are kept among the
// deleted ones, for garbage collection. The error wraps ErrNotFound when there is
// no such object. A damaged object is removed too.
func (s *Store) Remove(d digest.Digest) error {
	if _, err := s.remove(d, false); err != nil {
		return err
	}
	err := errors.Join(s.removeRefsTo(d), s.removeAliasesTo(d))
	if err != nil {
		return fmt.Errorf("removing what names %s: %w", d, err)
	}
	if n, err := s.users(d); err != nil || n > 0 {
		return err
	}
	_, err = s.purge(d, 0, s.storageNow(s.own.deleted()))
	return err
}

// purge removes the deleted files of d, or of every digest when it is empty,
// that were deleted longer ago than after and that nobody uses. It returns what
// it removed.
func (s *Store) purge(d digest.Digest, after time.Duration, now time.Time) ([]Deleted, error) {
	all, err := s.Deleted()
	var purged []Deleted
	for _, entry := range all {
		if d != "" && entry.Digest != d || now.Sub(entry.Time) < after {
			continue
		}
		if n, usersErr := s.users(entry.Digest); usersErr != nil || n > 0 {
			err = errors.Join(err, usersErr)
			continue
		}
		removeErr := os.RemoveAll(entry.dir)
		if errors.Is(removeErr, unix.ENOTEMPTY) || errors.Is(removeErr, unix.EBUSY) {
			continue // NFS keeps what this host has open under another name: the next time
		}
		if removeErr != nil {
			err = errors.Join(err, s.WriteFault(fmt.Errorf("removing %s: %w", entry.Digest, removeErr)))
			continue
		}
		purged = append(purged, entry)
	}
	return purged, err
}

// usedDir is where this store keeps when its own objects were last used: nobody
// else can write there.
func (s *Store) usedDir() string {
	if s.dropBox != "" {
		return filepath.Join(filepath.Dir(s.dropBox), siteUsed)
	}
	return s.own.leases()
}
