package workspace

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/cyphar/filepath-securejoin/pathrs-lite"
	"github.com/jrun-hpc/jrun/vmtemplate/change"
	"golang.org/x/sys/unix"
)

// Errors of a workspace's files. Those of package fs are wrapped, too.
var (
	ErrPath      = errors.New("that cannot be a path")
	ErrDirectory = errors.New("it is a directory")
	ErrNoFile    = errors.New("it is neither a file nor a directory")
	ErrShown     = errors.New("what is there is the machine's, not the workspace's")
	ErrNoRoom    = errors.New("the disk is full")
)

// mostPath is PATH_MAX (limits.h), with the byte that ends it, and mostFileName is
// NAME_MAX.
const (
	mostPath     = 4095
	mostFileName = 255
)

// cleanPath is an absolute path inside without dots. Whether links lead out is not
// its business.
func cleanPath(inside string) (string, error) {
	if !path.IsAbs(inside) || len(inside) > mostPath || strings.ContainsRune(inside, 0) {
		return "", ErrPath
	}
	inside = path.Clean(inside)
	for part := range strings.SplitSeq(inside, "/") {
		if len(part) > mostFileName {
			return "", ErrPath
		}
	}
	return inside, nil
}

// find opens a path of the workspace without doing anything with what is there
// (O_PATH). Links are followed as they are inside, whatever is renamed meanwhile.
func (w *Workspace) find(inside string) (*os.File, string, error) {
	inside, err := cleanPath(inside)
	if err != nil {
		return nil, "", err
	}
	root, err := w.mount()
	if err != nil {
		return nil, "", err
	}
	f, err := findIn(root, inside)
	return f, inside, err
}

// findIn is find below a directory of the machine.
func findIn(root, inside string) (*os.File, error) {
	for range 32 { // a rename somewhere may disturb the kernel's walk
		f, err := pathrs.OpenInRoot(root, inside)
		if !errors.Is(err, unix.EAGAIN) {
			return f, err
		}
	}
	return nil, unix.EAGAIN
}

// Entry is a name in a directory.
type Entry struct {
	Name string
	Info fs.FileInfo // of the entry itself: a link is not followed
}

// mostEntries of a directory are listed.
const mostEntries = 10000

// List are the entries of a directory by their names. more tells that these are not all.
func (w *Workspace) List(inside string) (entries []Entry, more bool, err error) {
	found, _, err := w.find(inside)
	if err != nil {
		return nil, false, err
	}
	defer found.Close()
	dir, err := pathrs.Reopen(found, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC)
	if err != nil {
		return nil, false, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(mostEntries + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	if more = len(names) > mostEntries; more {
		names = names[:mostEntries]
	}
	slices.Sort(names)
	in, err := rootOf(dir)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = in.Close() }()
	for _, name := range names {
		if info, err := in.Lstat(name); err == nil { // it may have gone
			entries = append(entries, Entry{name, info})
		}
	}
	return entries, more, nil
}

// rootOf is an open directory as one that nothing leads out of.
func rootOf(dir *os.File) (*os.Root, error) {
	return os.OpenRoot(fdPath(dir))
}

func fdPath(f *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", f.Fd()) }

// OpenFile opens a file for reading. The error is ErrDirectory for a directory, ErrNoFile for
// a device, a pipe or a socket.
func (w *Workspace) OpenFile(inside string) (*os.File, fs.FileInfo, error) {
	found, _, err := w.find(inside)
	if err != nil {
		return nil, nil, err
	}
	defer found.Close()
	info, err := found.Stat()
	switch {
	case err != nil:
		return nil, nil, err
	case info.IsDir():
		return nil, info, ErrDirectory
	case !info.Mode().IsRegular():
		return nil, info, ErrNoFile
	}
	f, err := pathrs.Reopen(found, unix.O_RDONLY|unix.O_CLOEXEC)
	return f, info, err
}

// room is kept free on the disk when a file comes in: the shell needs some, too.
const room = 64 << 20

// uploading begins the names of files that are not whole yet. They never go into an image.
const uploading = change.Uploading

// Put makes a file of what content gives; it belongs to root inside. bytes is how long
// it will be, or -1. What is there is not replaced unless overwrite is set: fs.ErrExist,
// ErrDirectory, ErrShown, ErrNoRoom. Before it is whole it has another name. It returns
// where the file is, which no link leads to.
func (w *Workspace) Put(inside string, content io.Reader, bytes int64, overwrite bool) (string, error) {
	inside, err := cleanPath(inside)
	if err != nil {
		return "", err
	}
	dir, name := path.Split(inside)
	if name == "" {
		return "", ErrDirectory
	}
	if strings.HasPrefix(name, uploading) {
		return "", ErrPath
	}
	root, err := w.mount()
	if err != nil {
		return "", err
	}
	w.wrote()
	return putIn(root, dir, name, content, bytes, overwrite)
}

// shown are directories where a shell sees the machine's.
var shown = []string{"/proc", "/sys", "/dev"}

func putIn(root, dir, name string, content io.Reader, bytes int64, overwrite bool) (string, error) {
	found, err := findIn(root, dir)
	if err != nil {
		return "", err
	}
	defer found.Close()
	to, err := pathrs.Reopen(found, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC)
	if err != nil {
		return "", err
	}
	defer to.Close()
	place, err := placeOf(root, to)
	if err != nil {
		return "", err
	}
	if slices.ContainsFunc(shown, func(dir string) bool { return place == dir || strings.HasPrefix(place, dir+"/") }) {
		return "", ErrShown
	}
	if err := replaceable(to, name, overwrite); err != nil {
		return "", err // before all of it is sent
	}
	if err := roomFor(to, bytes); err != nil {
		return "", err
	}
	temporary := uploading + rand.Text()
	fd, err := unix.Openat(int(to.Fd()), temporary, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return "", fmt.Errorf("making a file in %s: %w", place, err)
	}
	out := os.NewFile(uintptr(fd), temporary)
	err = errors.Join(fill(out, content, bytes), out.Chmod(0o644), out.Close())
	if err == nil {
		err = settle(to, temporary, name, overwrite)
	}
	if err != nil {
		_ = unix.Unlinkat(int(to.Fd()), temporary, 0)
		return "", err
	}
	return path.Join(place, name), nil
}

// placeOf is where an open directory is, seen from inside.
func placeOf(root string, dir *os.File) (string, error) {
	at, err := os.Readlink(fdPath(dir))
	if err != nil {
		return "", err
	}
	if at == root {
		return "/", nil
	}
	place, ok := strings.CutPrefix(at, root)
	if !ok || !strings.HasPrefix(place, "/") {
		return "", fs.ErrNotExist // it was removed, or moved out
	}
	return place, nil
}

// replaceable reports why there cannot be a file called name; nil if there can.
func replaceable(dir *os.File, name string, overwrite bool) error {
	var s unix.Stat_t
	err := unix.Fstatat(int(dir.Fd()), name, &s, unix.AT_SYMLINK_NOFOLLOW)
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil
	case err != nil:
		return err
	case s.Mode&unix.S_IFMT == unix.S_IFDIR:
		return ErrDirectory
	case !overwrite:
		return fs.ErrExist
	}
	return nil
}

func roomFor(dir *os.File, bytes int64) error {
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(dir.Fd()), &s); err != nil {
		return err
	}
	if max(bytes, 0) > int64(s.Bavail)*s.Bsize-room {
		return ErrNoRoom
	}
	return nil
}

// pieceBytes are written before the room on the disk is looked at again.
const pieceBytes = 16 << 20

// fill writes a file that is as long as was said.
func fill(out *os.File, content io.Reader, bytes int64) error {
	var written int64
	for {
		n, err := io.CopyN(out, content, pieceBytes)
		written += n
		if bytes >= 0 && written > bytes {
			return io.ErrUnexpectedEOF
		}
		switch {
		case errors.Is(err, io.EOF):
			if bytes >= 0 && written != bytes {
				return io.ErrUnexpectedEOF
			}
			return nil
		case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
			return errors.Join(ErrNoRoom, err)
		case err != nil:
			return err
		}
		if err := roomFor(out, 0); err != nil {
			return err
		}
	}
}

// settle gives a file that is whole its name. A link in its place is replaced, not
// followed.
func settle(dir *os.File, temporary, name string, overwrite bool) error {
	fd := int(dir.Fd())
	if overwrite {
		return replaced(unix.Renameat(fd, temporary, fd, name))
	}
	err := unix.Renameat2(fd, temporary, fd, name, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) { // the file system cannot
		if err = replaceable(dir, name, false); err == nil {
			err = unix.Renameat(fd, temporary, fd, name)
		}
	}
	return replaced(err)
}

// replaced is the error of a rename, as this package has it.
func replaced(err error) error {
	switch {
	case errors.Is(err, unix.EISDIR):
		return ErrDirectory
	case errors.Is(err, unix.EEXIST):
		return fs.ErrExist
	}
	return err
}
