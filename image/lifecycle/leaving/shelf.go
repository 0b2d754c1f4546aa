package leaving

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/jrun-hpc/jrun/image/lifecycle/state"
)

// Disk is a Shelf of this machine's directories. Bundles and the archive may be on
// different file systems.
type Disk struct{}

var _ Shelf = Disk{}

// copying begins the name of a directory that is being copied.
const copying = ".copying-"

// Move renames, or copies what cannot be renamed: into a directory beside the target,
// which gets its name when everything is on the disk.
func (Disk) Move(ctx context.Context, from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return removeTree(from) // what an interrupted move has left
	}
	if _, err := os.Lstat(from); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	err := os.Rename(from, to)
	if errors.Is(err, syscall.EXDEV) {
		err = copyAway(ctx, from, to)
	}
	if err != nil {
		return err
	}
	if err := state.SyncDir(filepath.Dir(to)); err != nil {
		return err
	}
	return removeTree(from)
}

// unfinished ends the name of a bundle that is being made (package bundle).
const unfinished = ".partial"

// Remove takes the name away first: half a bundle is never found under a bundle's name.
func (Disk) Remove(_ context.Context, dir string) error {
	return errors.Join(removeTree(dir+unfinished), removeTree(dir))
}

const going = ".removing-"

func removeTree(dir string) error {
	aside := filepath.Join(filepath.Dir(dir), going+filepath.Base(dir))
	err := os.RemoveAll(aside)
	if err == nil {
		err = os.Rename(dir, aside)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(aside), state.SyncDir(filepath.Dir(dir)))
}

func copyAway(ctx context.Context, from, to string) error {
	draft := filepath.Join(filepath.Dir(to), copying+filepath.Base(to))
	if err := os.RemoveAll(draft); err != nil {
		return err
	}
	var dirs []string
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(draft, rel)
		switch {
		case e.IsDir():
			dirs = append(dirs, target)
			return os.Mkdir(target, 0o700)
		case e.Type().IsRegular():
			return copyFile(path, target)
		}
		return fmt.Errorf("%s is neither a file nor a directory", path)
	})
	for _, dir := range dirs {
		if err == nil {
			err = state.SyncDir(dir)
		}
	}
	if err == nil {
		err = os.Rename(draft, to)
	}
	if err != nil {
		_ = os.RemoveAll(draft)
	}
	return err
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
