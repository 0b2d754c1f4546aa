package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// publishSmall puts b at path in one step: whoever opens path finds the old
// content or the new one, never a part.
func (s *Store) publishSmall(path string, b []byte) error {
	f, err := s.createTemporary(filepath.Dir(path), "small")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = publish(f, path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error is the one to tell
	}
	return errors.Join(err, f.Close())
}

// publishOnce puts b at path unless something is there, and reports whether it
// did. Of any number of processes on any number of hosts one succeeds: link(2)
// is decided by the file server.
func (s *Store) publishOnce(path string, b []byte, keep durability) (won bool, err error) {
	return s.publishOnceFrom(filepath.Dir(path), path, b, keep)
}

// publishOnceFrom is publishOnce with the temporary file in another directory of
// the same file system, one that is swept. Who succeeds also removes from there what
// processes were about to publish when they were killed: nobody else may come by
// until garbage is collected.
func (s *Store) publishOnceFrom(dir, path string, b []byte, keep durability) (won bool, err error) {
	defer func() {
		if won {
			for _, left := range namesIn(dir, temporaryPrefix, "") {
				s.sweepOne(left)
			}
		}
	}()
	f, err := s.createTemporary(dir, "once")
	if err != nil {
		return false, err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(b)
	if err == nil && keep == durable {
		err = f.Sync()
	}
	// Closing sends the content to a file server, before the name.
	if err = errors.Join(err, f.Close()); err != nil {
		return false, fmt.Errorf("publishing %s: %w", path, err)
	}
	err = os.Link(f.Name(), path)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrExist):
		// Or the answer to our own link was lost, and it was asked for again.
		return sameFile(f.Name(), path), nil
	case hasNoLinks(err):
		return createOnce(path, b)
	}
	return false, fmt.Errorf("publishing: %w", err)
}

// durability says what must survive a power cut.
type durability int

const (
	passing durability = iota // of use only while its maker lives
	durable
)

func sameFile(a, b string) bool {
	infoA, errA := os.Lstat(a)
	infoB, errB := os.Lstat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// hasNoLinks recognises file systems without hard links, or with none between
// directories.
func hasNoLinks(err error) bool {
	for _, no := range []error{unix.EPERM, unix.ENOTSUP, unix.EOPNOTSUPP, unix.ENOSYS, unix.EMLINK, unix.EXDEV} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

// createOnce is for file systems without links. A reader may meet the file while
// it is empty; what is published so must end in a way that shows it.
func createOnce(path string, b []byte) (bool, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("publishing: %w", err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(path)
		return false, fmt.Errorf("publishing %s: %w", path, err)
	}
	return true, nil
}

// publish gives the complete temporary file its final name. The error wraps
// ErrLost when the temporary file has been swept away.
func publish(f *os.File, path string) error {
	if err := f.Chmod(0o444); err != nil { // write-once; the directory is private
		return fmt.Errorf("publishing %s: %w", path, err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("publishing %s: %w", path, err)
	}
	err := os.Rename(f.Name(), path)
	if errors.Is(err, fs.ErrNotExist) {
		if !isAt(f, path) {
			return fmt.Errorf("publishing %s: %w", path, ErrLost)
		}
		err = nil // only the answer was lost
	}
	if err != nil {
		return fmt.Errorf("publishing: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

// readSmall reads a small file, again when it was replaced meanwhile: a network
// file system then answers ESTALE.
func readSmall(path string) (b []byte, err error) {
	for range 4 {
		b, err = readPlain(path)
		if !errors.Is(err, unix.ESTALE) {
			break
		}
	}
	return b, err
}

// smallLimit is more than any small file has: the largest hold an image's
// configuration, for which registries have limits of a few megabytes.
const smallLimit = 64 << 20

func readPlain(path string) ([]byte, error) {
	f, err := openPlain(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, smallLimit+1))
	if err == nil && len(b) > smallLimit {
		err = fmt.Errorf("%s has more than %d bytes", path, smallLimit)
	}
	return b, err
}

// syncDir makes renames in dir survive a power cut, where the file system can.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("syncing the directory: %w", err)
	}
	err = d.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		err = nil // network file systems that have no such call do it on rename
	}
	return errors.Join(err, d.Close())
}

// isStale recognises a file that another host has removed.
func isStale(err error) bool { return errors.Is(err, unix.ESTALE) }

// removeFile removes a file that nobody else removes. One that is gone was removed
// by us: only the answer was lost, and the question asked again.
func removeFile(path string) error {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
