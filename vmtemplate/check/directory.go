package check

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// confined resolves names as if the tree's root were "/" (openat2(2)): no link of the
// image leads out of it, nor into what /proc shows of other processes.
const confined = unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS

// Directory is a root file system that is mounted somewhere, as a workspace's is. It is
// only read; of what is no file and no directory nothing is opened.
type Directory struct{ root *os.File }

// OpenDirectory opens the directory that is the root.
func OpenDirectory(dir string) (*Directory, error) {
	fd, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	return &Directory{root: os.NewFile(uintptr(fd), dir)}, nil
}

// Close gives the directory back.
func (d *Directory) Close() error { return d.root.Close() }

// find opens a name without opening what it names (O_PATH), or its last link itself.
func (d *Directory) find(op, name string, follow bool) (*os.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: confined}
	if !follow {
		how.Flags |= unix.O_NOFOLLOW
	}
	for {
		fd, err := unix.Openat2(int(d.root.Fd()), name, &how)
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), name), nil
		case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR): // something was renamed meanwhile
		default:
			return nil, &fs.PathError{Op: op, Path: name, Err: err}
		}
	}
}

// Open implements fs.FS for files and directories.
func (d *Directory) Open(name string) (fs.File, error) {
	opened, err := d.open(name)
	if err != nil {
		return nil, err
	}
	info, err := opened.Stat()
	if err != nil || !info.IsDir() {
		return opened, err
	}
	return &listing{File: opened, of: d, path: name}, nil
}

func (d *Directory) open(name string) (*os.File, error) {
	found, err := d.find("open", name, true)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	info, err := found.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() && !info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("neither a file nor a directory")}
	}
	// O_NONBLOCK makes no difference to files and directories.
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", found.Fd()), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Stat implements fs.StatFS.
func (d *Directory) Stat(name string) (fs.FileInfo, error) { return d.stat("stat", name, true) }

// Lstat implements fs.ReadLinkFS.
func (d *Directory) Lstat(name string) (fs.FileInfo, error) { return d.stat("lstat", name, false) }

func (d *Directory) stat(op, name string, follow bool) (fs.FileInfo, error) {
	found, err := d.find(op, name, follow)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	info := &fileInfo{name: path.Base(name)}
	if err := unix.Fstatat(int(found.Fd()), "", &info.stat, unix.AT_EMPTY_PATH); err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return info, nil
}

// ReadLink implements fs.ReadLinkFS.
func (d *Directory) ReadLink(name string) (string, error) {
	found, err := d.find("readlink", name, false)
	if err != nil {
		return "", err
	}
	defer found.Close()
	text := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(found.Fd()), "", text)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return string(text[:n]), nil
}

// ReadDir implements fs.ReadDirFS. Entries come with what is known of them, which
// spares a walk to find each by its path again.
func (d *Directory) ReadDir(name string) ([]fs.DirEntry, error) {
	dir, err := d.open(name)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	entries := make([]fs.DirEntry, 0, len(names))
	for _, entry := range names {
		info := &fileInfo{name: entry}
		err := unix.Fstatat(int(dir.Fd()), entry, &info.stat, unix.AT_SYMLINK_NOFOLLOW)
		if errors.Is(err, unix.ENOENT) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, &fs.PathError{Op: "lstat", Path: path.Join(name, entry), Err: err}
		}
		entries = append(entries, fs.FileInfoToDirEntry(info))
	}
	return entries, nil
}

// listing is an open directory. Its entries are looked at by their descriptor, not by
// the path that os.File would take.
type listing struct {
	*os.File
	of   *Directory
	path string
	rest []fs.DirEntry
	read bool
}

// ReadDir implements fs.ReadDirFile.
func (l *listing) ReadDir(n int) ([]fs.DirEntry, error) {
	if !l.read {
		entries, err := l.of.ReadDir(l.path)
		if err != nil {
			return nil, err
		}
		l.rest, l.read = entries, true
	}
	if n <= 0 {
		n = len(l.rest)
	} else if len(l.rest) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(l.rest))
	entries := l.rest[:n:n]
	l.rest = l.rest[n:]
	return entries, nil
}

// Attribute implements attributed.
func (d *Directory) Attribute(name, attribute string) ([]byte, error) {
	found, err := d.find("getxattr", name, false)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	value := make([]byte, 256) // capabilities have 24 bytes
	n, err := unix.Getxattr(fmt.Sprintf("/proc/self/fd/%d", found.Fd()), attribute, value)
	if err != nil {
		return nil, &fs.PathError{Op: "getxattr", Path: name, Err: err}
	}
	return value[:n], nil
}

// fileInfo is stat(2)'s answer.
type fileInfo struct {
	name string
	stat unix.Stat_t
}

func (i *fileInfo) Name() string       { return i.name }
func (i *fileInfo) Size() int64        { return i.stat.Size }
func (i *fileInfo) IsDir() bool        { return i.Mode().IsDir() }
func (i *fileInfo) ModTime() time.Time { return time.Unix(i.stat.Mtim.Unix()) }
func (i *fileInfo) Sys() any           { return &i.stat }
func (i *fileInfo) String() string     { return fs.FormatFileInfo(i) }

// Mode is the type and permissions in Go's encoding.
func (i *fileInfo) Mode() fs.FileMode {
	mode := fs.FileMode(i.stat.Mode & 0o777)
	for bit, flag := range map[uint32]fs.FileMode{unix.S_ISUID: fs.ModeSetuid, unix.S_ISGID: fs.ModeSetgid, unix.S_ISVTX: fs.ModeSticky} {
		if i.stat.Mode&bit != 0 {
			mode |= flag
		}
	}
	switch i.stat.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		mode |= fs.ModeDir
	case unix.S_IFLNK:
		mode |= fs.ModeSymlink
	case unix.S_IFIFO:
		mode |= fs.ModeNamedPipe
	case unix.S_IFSOCK:
		mode |= fs.ModeSocket
	case unix.S_IFBLK:
		mode |= fs.ModeDevice
	case unix.S_IFCHR:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	}
	return mode
}

// readHead returns the first bytes of a file, limit at most.
func readHead(files fs.FS, name string, limit int64) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

// inside turns an absolute path of the image into a name of io/fs.
func inside(name string) string {
	if name = strings.TrimPrefix(path.Clean("/"+name), "/"); name == "" {
		return "."
	}
	return name
}
