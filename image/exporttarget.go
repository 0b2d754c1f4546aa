package image

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/store"
	"golang.org/x/sys/unix"
)

// exportTarget is where an export goes: FILE.sqfs, and FILE.json beside it.
type exportTarget struct{ image, meta string }

func targetOf(dst string) exportTarget {
	return exportTarget{image: dst, meta: strings.TrimSuffix(dst, squashfsSuffix) + ".json"}
}

// check refuses to write over what is not ours to write over: a file, unless it
// is to be replaced, and a FILE.json that is not about an image.
func (t exportTarget) check(replace bool) error {
	if t.image == "" || strings.HasSuffix(t.image, "/") {
		return fault.Newf(fault.Because("it is no name of a file"), fault.Say("name a file: %s", filepath.Join(t.image, "image"+squashfsSuffix)), "cannot write %q", t.image)
	}
	info, err := os.Lstat(t.image)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return exportFault(t.image, &writeError{err})
	case info.IsDir():
		return fault.Newf(syscall.EISDIR, fault.Say("name a file in it: %s", filepath.Join(t.image, "image"+squashfsSuffix)), "cannot write %s", t.image)
	case !info.Mode().IsRegular() && info.Mode()&fs.ModeSymlink == 0:
		return fault.Newf(fault.Because("it is no regular file"), "choose another name", "cannot write %s", t.image)
	case !replace:
		return fault.Newf(fs.ErrExist, "choose another name, or replace it with --force", "cannot write %s", t.image)
	}
	b, err := readLimited(t.meta, sidecarLimit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return exportFault(t.meta, &writeError{err})
	}
	if _, err := store.ParseMeta(b); err != nil {
		return fault.Newf(err, "move it away, or choose another name for the image",
			"cannot write %s, which is there and was not made by jrun convert", t.meta)
	}
	return nil
}

// publish makes the file durable and gives it its name, in place of an older one,
// and its metadata the name beside it. What can fail for want of room is done
// before; of the two renames the second takes back the first when it fails. A
// machine that stops between them leaves the new metadata with the old file, or
// with none: the sums in it are of another file, which Verify tells.
func (t exportTarget) publish(file *os.File, meta store.Meta) error {
	text, err := json.MarshalIndent(meta, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding metadata: %w", err)
	}
	dir := filepath.Dir(t.image)
	var names temporaryNames
	defer names.remove()
	metaName, err := names.write(dir, append(text, '\n'))
	if err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	imageName, err := names.link(dir, file)
	if err != nil {
		return err
	}
	oldMeta, err := names.keep(t.meta)
	if err != nil {
		return err
	}
	if err := os.Rename(metaName, t.meta); err != nil {
		return err
	}
	if err := os.Rename(imageName, t.image); err != nil {
		return errors.Join(err, restore(oldMeta, t.meta))
	}
	return syncDir(dir)
}

// restore puts the old metadata back, or removes the new when there was none.
func restore(kept, path string) error {
	if kept == "" {
		return os.Remove(path)
	}
	return os.Rename(kept, path)
}

// temporaryNames are files that are to be removed, where they still have the name.
type temporaryNames []string

func (n *temporaryNames) remove() {
	for _, name := range *n {
		_ = os.Remove(name) // most have another name by now
	}
}

// temporaryPrefix begins the names of files in the directory of an export.
const temporaryPrefix = ".jrun-convert-"

func (n *temporaryNames) next(dir string) string {
	name := filepath.Join(dir, temporaryPrefix+rand.Text())
	*n = append(*n, name)
	return name
}

// write makes a durable file of b.
func (n *temporaryNames) write(dir string, b []byte) (string, error) {
	name := n.next(dir)
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, exportMode)
	if err != nil {
		return "", err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return name, errors.Join(err, f.Close())
}

// link gives file a name, unless it has one.
func (n *temporaryNames) link(dir string, file *os.File) (string, error) {
	if filepath.Base(file.Name()) != unnamed {
		return file.Name(), nil
	}
	name := n.next(dir)
	err := unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", file.Fd()), unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW)
	if err != nil {
		return "", &os.LinkError{Op: "naming", Old: file.Name(), New: name, Err: err}
	}
	return name, nil
}

// keep gives a file a second name, as a copy where the file system has no links.
// It is empty when there is no such file.
func (n *temporaryNames) keep(path string) (string, error) {
	name := n.next(filepath.Dir(path))
	err := os.Link(path, name)
	if err == nil {
		return name, nil
	}
	b, err := readLimited(path, sidecarLimit)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return n.write(filepath.Dir(path), b)
}

// exportMode is what the umask is taken from.
const exportMode = 0o666

// unnamed is the name of files that have none yet.
const unnamed = temporaryPrefix + "unnamed"

// createUnnamed makes a file that is gone when this process ends, where the
// file system can; elsewhere (NFS) it has a name that begins with a dot.
func createUnnamed(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, exportMode)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) {
		return os.OpenFile(filepath.Join(dir, temporaryPrefix+rand.Text()), os.O_RDWR|os.O_CREATE|os.O_EXCL, exportMode)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "creating a file in", Path: dir, Err: err}
	}
	return os.NewFile(uintptr(fd), filepath.Join(dir, unnamed)), nil
}

// syncDir makes the renames in dir survive a power cut, where the file system can.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil //nolint:nilerr // one may be allowed to write to it and not to read
	}
	err = d.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, d.Close())
}
