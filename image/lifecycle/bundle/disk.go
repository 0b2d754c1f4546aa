package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jrun-hpc/jrun/fault"
	"golang.org/x/sys/unix"
)

// disk is the directory that a bundle is made in. Files appear as a whole: they are
// written beside, as NAME.part, and renamed. Nothing is flushed for each file, since
// everything is compared with its digest before it is used again; settle flushes once.
type disk struct {
	dir string
	// before is called before each change of the disk; tests die there.
	before func(op string) error
}

const partSuffix = ".part"

func (d *disk) step(op string) error {
	if d.before == nil {
		return nil
	}
	return d.before(op)
}

func (d *disk) path(name string) string { return filepath.Join(d.dir, name) }

func (d *disk) mkdir(name string) error {
	if err := d.step("mkdir " + name); err != nil {
		return err
	}
	return os.MkdirAll(d.path(name), 0o755)
}

// write replaces a file, and makes its directory.
func (d *disk) write(name string, content []byte) error {
	return d.fill(name, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// writeJSON is write for JSON that people may read, too.
func (d *disk) writeJSON(name string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", name, err)
	}
	return d.write(name, append(text, '\n'))
}

// fill replaces a file with what write writes.
func (d *disk) fill(name string, write func(io.Writer) error) error {
	if err := d.mkdir(filepath.Dir(name)); err != nil {
		return err
	}
	if err := d.step("create " + name); err != nil {
		return err
	}
	part := d.path(name + partSuffix)
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	err = errors.Join(write(stepWriter{f, d, name}), f.Close())
	if err == nil {
		err = d.step("name " + name)
	}
	if err != nil {
		return err
	}
	return os.Rename(part, d.path(name))
}

type stepWriter struct {
	io.Writer
	disk *disk
	name string
}

func (w stepWriter) Write(p []byte) (int, error) {
	if err := w.disk.step("write " + w.name); err != nil {
		return 0, err
	}
	return w.Writer.Write(p)
}

func (d *disk) remove(name string) error {
	if err := d.step("remove " + name); err != nil {
		return err
	}
	return os.RemoveAll(d.path(name))
}

// keepOnly removes every file below name that is not expected, and directories that
// become empty.
func (d *disk) keepOnly(name string, expected func(name string) bool) error {
	entries, err := os.ReadDir(d.path(name))
	if err != nil {
		return err
	}
	for _, e := range entries {
		inner := filepath.Join(name, e.Name())
		switch {
		case e.IsDir():
			if err := d.keepOnly(inner, expected); err != nil {
				return err
			}
			if rest, err := os.ReadDir(d.path(inner)); err == nil && len(rest) == 0 {
				if err := d.remove(inner); err != nil {
					return err
				}
			}
		case !expected(inner):
			if err := d.remove(inner); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle makes everything that was written outlast a power cut.
func (d *disk) settle() error {
	if err := d.step("settle"); err != nil {
		return err
	}
	f, err := os.Open(d.dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return &fs.PathError{Op: "flushing", Path: d.dir, Err: err}
	}
	return nil
}

// finish gives the directory its name for good.
func (d *disk) finish(final string) error {
	if err := d.step("finish"); err != nil {
		return err
	}
	if err := os.Rename(d.dir, final); err != nil {
		return err
	}
	parent, err := os.Open(filepath.Dir(final))
	if err != nil {
		return err
	}
	defer parent.Close()
	if err := parent.Sync(); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
}

// lock makes sure that nobody else works in the directory. The kernel unlocks it when
// the process ends.
func (d *disk) lock() (unlock func(), err error) {
	f, err := os.Open(d.dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fault.Newf(errors.New("another jadm is at it"), "wait until it has ended", "cannot work in %s", d.dir)
		}
		return nil, &fs.PathError{Op: "locking", Path: d.dir, Err: err}
	}
	return func() { _ = f.Close() }, nil
}

// free is how many bytes may be written there by this account.
func (d *disk) free() (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(d.dir, &st); err != nil {
		return 0, &fs.PathError{Op: "asking for room in", Path: d.dir, Err: err}
	}
	return int64(st.Bavail) * st.Bsize, nil //nolint:gosec,nolintlint // fewer than 2^63
}

// roomFault explains a full disk and the like, and passes other errors on.
func roomFault(dir string, err error) error {
	var known *fault.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return fault.Newf(err, "make room (df -h "+filepath.Dir(dir)+"; quota -s; ulimit -f) and run the same command again: it goes on", "cannot write the bundle %s", strings.TrimSuffix(dir, partialSuffix))
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fault.Newf(err, "choose a directory that this account may write to", "cannot write the bundle %s", strings.TrimSuffix(dir, partialSuffix))
	}
	return err
}
