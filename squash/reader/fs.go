package reader

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sync"
	"time"

	"github.com/jrun-hpc/jrun/squash"
)

// FS is a Reader as an io/fs file system. Open, Stat and ReadDir follow
// symlinks inside the image; Lstat and ReadLink do not follow the last one.
// A directory that turns up under two paths without symlinks is corrupt, so
// fs.WalkDir ends on any image.
type FS struct {
	r *Reader

	mu   sync.Mutex
	dirs map[squash.InodeRef]string // the path under which each was first met
}

var (
	_ fs.ReadDirFS  = (*FS)(nil)
	_ fs.StatFS     = (*FS)(nil)
	_ fs.ReadLinkFS = (*FS)(nil)
)

// FS returns the image as an io/fs file system.
func (r *Reader) FS() *FS { return &FS{r: r, dirs: make(map[squash.InodeRef]string)} }

// find resolves name and wraps what fails with the operation's name.
func (f *FS) find(op, name string, follow bool) (Inode, error) {
	if !fs.ValidPath(name) {
		return Inode{}, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	ino, err := f.r.resolve(name, follow)
	if err != nil {
		return Inode{}, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return ino, nil
}

// Open implements fs.FS.
func (f *FS) Open(name string) (fs.File, error) {
	ino, err := f.find("open", name, true)
	if err != nil {
		return nil, err
	}
	info := &fileInfo{path.Base(name), ino}
	if ino.Type == squash.TypeDir {
		entries, err := f.list("open", name, &ino)
		if err != nil {
			return nil, err
		}
		return &openDir{info: info, path: name, entries: entries}, nil
	}
	size := int64(0)
	if ino.Type == squash.TypeFile {
		size = int64(ino.Size)
	}
	content := &content{r: f.r, ino: ino}
	return &openFile{SectionReader: io.NewSectionReader(content, 0, size), info: info}, nil
}

// Stat implements fs.StatFS.
func (f *FS) Stat(name string) (fs.FileInfo, error) { return f.stat("stat", name, true) }

// Lstat implements fs.ReadLinkFS.
func (f *FS) Lstat(name string) (fs.FileInfo, error) { return f.stat("lstat", name, false) }

func (f *FS) stat(op, name string, follow bool) (fs.FileInfo, error) {
	ino, err := f.find(op, name, follow)
	if err != nil {
		return nil, err
	}
	return &fileInfo{path.Base(name), ino}, nil
}

// ReadLink implements fs.ReadLinkFS.
func (f *FS) ReadLink(name string) (string, error) {
	ino, err := f.find("readlink", name, false)
	if err != nil {
		return "", err
	}
	target, err := f.r.Readlink(&ino)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return target, nil
}

// ReadDir implements fs.ReadDirFS.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	ino, err := f.find("readdir", name, true)
	if err != nil {
		return nil, err
	}
	return f.list("readdir", name, &ino)
}

func (f *FS) list(op, name string, dir *Inode) ([]fs.DirEntry, error) {
	entries, err := f.r.ReadDir(dir)
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	out := make([]fs.DirEntry, len(entries))
	for i, e := range entries {
		if e.Type == squash.TypeDir {
			if err := f.meet(e.Ref, dir.Ref, e.Name); err != nil {
				return nil, &fs.PathError{Op: op, Path: name, Err: err}
			}
		}
		out[i] = dirEntry{f.r, e}
	}
	return out, nil
}

// meet records that the directory at ref has a name in parent, and refuses a
// second name. The name is unique in its parent, and by induction so is the
// parent's, so the pair stands for the whole path.
func (f *FS) meet(ref, parent squash.InodeRef, name string) error {
	where := fmt.Sprintf("%x/%s", uint64(parent), name)
	f.mu.Lock()
	defer f.mu.Unlock()
	first, met := f.dirs[ref]
	if ref == f.r.sb.RootInode || met && first != where {
		return corrupt("directory %q is reached twice", name)
	}
	f.dirs[ref] = where
	return nil
}

// content is a file's bytes as an io.ReaderAt.
type content struct {
	r   *Reader
	ino Inode
}

func (c *content) ReadAt(p []byte, off int64) (int, error) { return c.r.ReadAt(&c.ino, p, off) }

type openFile struct {
	*io.SectionReader
	info *fileInfo
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFile) Close() error               { return nil }

type openDir struct {
	info    *fileInfo
	path    string
	entries []fs.DirEntry
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *openDir) Close() error               { return nil }

func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.path, Err: errIsDir}
}

func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(d.entries)
	} else if len(d.entries) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.entries))
	out := d.entries[:n:n]
	d.entries = d.entries[n:]
	return out, nil
}

type dirEntry struct {
	r *Reader
	e DirEntry
}

func (d dirEntry) Name() string      { return d.e.Name }
func (d dirEntry) IsDir() bool       { return d.e.Type == squash.TypeDir }
func (d dirEntry) Type() fs.FileMode { return typeBits(d.e.Type) }
func (d dirEntry) String() string    { return fs.FormatDirEntry(d) }

func (d dirEntry) Info() (fs.FileInfo, error) {
	ino, err := d.r.EntryInode(d.e)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: d.e.Name, Err: err}
	}
	return &fileInfo{d.e.Name, ino}, nil
}

// fileInfo's Sys is a *Inode.
type fileInfo struct {
	name string
	ino  Inode
}

func (i *fileInfo) Name() string       { return i.name }
func (i *fileInfo) Size() int64        { return int64(i.ino.Size) }
func (i *fileInfo) Mode() fs.FileMode  { return i.ino.FileMode() }
func (i *fileInfo) ModTime() time.Time { return i.ino.ModTime() }
func (i *fileInfo) IsDir() bool        { return i.ino.Type == squash.TypeDir }
func (i *fileInfo) Sys() any           { return &i.ino }
func (i *fileInfo) String() string     { return fs.FormatFileInfo(i) }

// FileMode is the inode's type and permissions in Go's encoding.
func (i *Inode) FileMode() fs.FileMode {
	mode := fs.FileMode(i.Mode&0o777) | typeBits(i.Type)
	for bit, flag := range map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if i.Mode&bit != 0 {
			mode |= flag
		}
	}
	return mode
}

func typeBits(t squash.InodeType) fs.FileMode {
	switch t {
	case squash.TypeDir:
		return fs.ModeDir
	case squash.TypeSymlink:
		return fs.ModeSymlink
	case squash.TypeBlockDev:
		return fs.ModeDevice
	case squash.TypeCharDev:
		return fs.ModeDevice | fs.ModeCharDevice
	case squash.TypeFifo:
		return fs.ModeNamedPipe
	case squash.TypeSocket:
		return fs.ModeSocket
	}
	return 0
}

// IsCorrupt reports whether err means that the file's bytes are not valid, or
// not supported, as opposed to a failing disk or a name that is not there.
func IsCorrupt(err error) bool {
	return errors.Is(err, squash.ErrCorrupt) || errors.Is(err, squash.ErrUnsupported)
}
