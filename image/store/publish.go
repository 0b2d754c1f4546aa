package store

import (
	"errors"
	"fmt"
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

// publish gives the complete temporary file its final name.
func publish(f *os.File, path string) error {
	if err := f.Chmod(0o444); err != nil { // write-once; the directory is private
		return fmt.Errorf("publishing %s: %w", path, err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("publishing %s: %w", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("publishing: %w", err)
	}
	return syncDir(filepath.Dir(path))
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
