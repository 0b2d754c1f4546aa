package fusefs

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jrun-hpc/jrun/squash"
	"github.com/jrun-hpc/jrun/squash/reader"
)

// Options says how an image is shown.
type Options struct {
	// UID and GID own every file, as numbered in the user namespace in which
	// the file system is mounted.
	UID, GID uint32
	// StoredOwners shows the owners that the image has instead, which only
	// makes sense where its ids mean something: not in a user namespace.
	// Synthetic nodes still belong to UID and GID.
	StoredOwners bool
	// Synthetic nodes are laid over the image in this order.
	Synthetic []Synthetic
	// HideTrusted leaves attributes named trusted.* out of lists. For a mount
	// in a user namespace: nobody there may read them, and cp and tar fail on a
	// name that is listed and cannot be read. The kernel's squashfs does the same.
	HideTrusted bool
	// Threads is how many requests are worked on at once. More help when the
	// image lies on slow storage; 0 means one for each CPU that this
	// process may use, two at least. Rings have threads of their own.
	Threads int
	// OnError, if not nil, is told of every request that failed because the
	// image is corrupt or cannot be read. It is called concurrently.
	OnError func(err error)
}

// NodeID names a node in requests, see the package comment.
type NodeID uint64

// RootID is the root directory's.
const RootID NodeID = 1

// syntheticBit marks the numbers of synthetic nodes.
const syntheticBit NodeID = 1 << 63

// Attr is what stat(2) tells about a node.
type Attr struct {
	Node   NodeID
	Ino    uint64
	Mode   uint32 // type and permissions, as in st_mode
	Nlink  uint32
	Size   uint64 // bytes
	Blocks uint64 // of 512 bytes
	MTime  uint64 // seconds since the epoch
	Rdev   uint32
	UID    uint32
	GID    uint32
}

// FS answers requests about one image. Its methods may be called concurrently.
// Their errors are unix.Errno values, ready for the kernel.
type FS struct {
	r    *reader.Reader
	opts Options
	sb   squash.Superblock
	tree *tree
	// pushForAll is for tests, which want to see what happens when the kernel
	// asks for what is being pushed.
	pushForAll bool
}

// New prepares to serve an image. It fails when a synthetic node has no place:
// the errors are those of reading the image, unix.ELOOP, or unix.EINVAL for a
// path that is the root itself.
func New(r *reader.Reader, opts Options) (*FS, error) {
	f := &FS{r: r, opts: opts, sb: r.Superblock()}
	f.tree = newTree(f)
	for _, s := range opts.Synthetic {
		if err := f.tree.add(s); err != nil {
			return nil, fmt.Errorf("placing synthetic %s %q: %w", s.Kind, s.Path, err)
		}
	}
	if err := f.tree.finish(); err != nil {
		return nil, fmt.Errorf("placing synthetic nodes: %w", err)
	}
	return f, nil
}

// errno turns an error into the number that the kernel is given. Only what the
// reader says about the tree passes as it is; a number from the storage below,
// such as ESTALE of NFS, would mean something else to the kernel.
func (f *FS) errno(err error) unix.Errno {
	if err == nil {
		return 0
	}
	if !reader.IsCorrupt(err) {
		for _, errno := range []unix.Errno{unix.ENOENT, unix.ENOTDIR, unix.EISDIR, unix.EINVAL, unix.ENODATA} {
			if errors.Is(err, errno) {
				return errno
			}
		}
	}
	if f.opts.OnError != nil {
		f.opts.OnError(err)
	}
	return unix.EIO
}

// nodeOf is the number of an image's inode.
func (f *FS) nodeOf(ref squash.InodeRef) NodeID {
	if ref == f.sb.RootInode {
		return RootID
	}
	return NodeID(ref) + 2
}

// inode decodes the image's inode of a node that is not synthetic.
func (f *FS) inode(node NodeID) (reader.Inode, error) {
	switch {
	case node == RootID:
		return f.r.Root()
	case node < 2:
		return reader.Inode{}, unix.ENOENT
	}
	return f.r.Inode(squash.InodeRef(node - 2))
}

// typeMode is the type's part of st_mode.
func typeMode(t squash.InodeType) uint32 {
	return [...]uint32{
		squash.TypeDir: unix.S_IFDIR, squash.TypeFile: unix.S_IFREG, squash.TypeSymlink: unix.S_IFLNK,
		squash.TypeBlockDev: unix.S_IFBLK, squash.TypeCharDev: unix.S_IFCHR,
		squash.TypeFifo: unix.S_IFIFO, squash.TypeSocket: unix.S_IFSOCK,
	}[t]
}

// attr describes an image's inode.
func (f *FS) attr(ino *reader.Inode) Attr {
	a := Attr{
		Node:  f.nodeOf(ino.Ref),
		Ino:   uint64(ino.Number),
		Mode:  typeMode(ino.Type) | ino.Mode,
		Nlink: ino.Nlink,
		Size:  ino.Size,
		MTime: uint64(ino.MTime),
		Rdev:  ino.Rdev,
		UID:   f.opts.UID,
		GID:   f.opts.GID,
	}
	if f.opts.StoredOwners {
		a.UID, a.GID = ino.UID, ino.GID
	}
	switch ino.Type {
	case squash.TypeFile:
		a.Blocks = (ino.AllocatedBytes() + 511) / 512
	case squash.TypeDir:
		a.Nlink = uint32(int64(a.Nlink) + int64(f.tree.extraLinks(a.Node)))
	}
	return a
}

// Lookup finds a name in a directory; unix.ENOENT when it is not there.
func (f *FS) Lookup(parent NodeID, name string) (Attr, unix.Errno) {
	attr, err := f.lookup(parent, name)
	return attr, f.errno(err)
}

func (f *FS) lookup(parent NodeID, name string) (Attr, error) {
	if child, ok := f.tree.child(parent, name); ok {
		return f.tree.attr(child), nil
	}
	if parent&syntheticBit != 0 {
		if n := f.tree.node(parent); n != nil && n.kind != Dir {
			return Attr{}, unix.ENOTDIR
		}
		return Attr{}, unix.ENOENT
	}
	dir, err := f.inode(parent)
	if err != nil {
		return Attr{}, err
	}
	ino, err := f.r.Lookup(&dir, name)
	if err != nil {
		return Attr{}, err
	}
	return f.attr(&ino), nil
}

// GetAttr describes a node.
func (f *FS) GetAttr(node NodeID) (Attr, unix.Errno) {
	attr, err := f.getAttr(node)
	return attr, f.errno(err)
}

func (f *FS) getAttr(node NodeID) (Attr, error) {
	if node&syntheticBit != 0 {
		if f.tree.node(node) == nil {
			return Attr{}, unix.ENOENT
		}
		return f.tree.attr(node), nil
	}
	ino, err := f.inode(node)
	if err != nil {
		return Attr{}, err
	}
	return f.attr(&ino), nil
}

// Readlink returns a symlink's target.
func (f *FS) Readlink(node NodeID) (string, unix.Errno) {
	target, err := f.readlink(node)
	return target, f.errno(err)
}

func (f *FS) readlink(node NodeID) (string, error) {
	if node&syntheticBit != 0 {
		n := f.tree.node(node)
		switch {
		case n == nil:
			return "", unix.ENOENT
		case n.kind != Symlink:
			return "", unix.EINVAL
		}
		return string(n.content), nil
	}
	ino, err := f.inode(node)
	if err != nil {
		return "", err
	}
	return f.r.Readlink(&ino)
}

// Read fills p from a file's offset and returns how much there was. It may use
// the capacity of p behind its length. The caller must release what it finds in
// fresh, which is not nil.
func (f *FS) Read(node NodeID, p []byte, off uint64, fresh *reader.Fresh) (int, unix.Errno) {
	n, err := f.read(node, p, off, fresh)
	return n, f.errno(err)
}

func (f *FS) read(node NodeID, p []byte, off uint64, fresh *reader.Fresh) (int, error) {
	if int64(off) < 0 {
		return 0, unix.EINVAL
	}
	if node&syntheticBit != 0 {
		n := f.tree.node(node)
		switch {
		case n == nil:
			return 0, unix.ENOENT
		case n.kind == Dir:
			return 0, unix.EISDIR
		case n.kind != File:
			return 0, unix.EINVAL
		}
		return copy(p, n.content[min(off, uint64(len(n.content))):]), nil
	}
	ino, err := f.inode(node)
	if err != nil {
		return 0, err
	}
	n, err := f.r.ReadFresh(&ino, p, int64(off), fresh)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// GetXattr returns the value of an extended attribute: unix.ENODATA when the
// node does not have it, unix.ENOSYS when no node of the image has any.
func (f *FS) GetXattr(node NodeID, name string) ([]byte, unix.Errno) {
	if !f.r.HasXattrs() {
		return nil, unix.ENOSYS
	}
	if node&syntheticBit != 0 {
		return nil, unix.ENODATA
	}
	ino, err := f.inode(node)
	if err != nil {
		return nil, f.errno(err)
	}
	value, err := f.r.Xattr(&ino, name)
	return value, f.errno(err)
}

// ListXattr returns the names of a node's extended attributes, each with a NUL
// behind it, as listxattr(2) does.
func (f *FS) ListXattr(node NodeID) ([]byte, unix.Errno) {
	if !f.r.HasXattrs() {
		return nil, unix.ENOSYS
	}
	if node&syntheticBit != 0 {
		return nil, 0
	}
	ino, err := f.inode(node)
	if err != nil {
		return nil, f.errno(err)
	}
	names, err := f.r.XattrNames(&ino)
	if f.opts.HideTrusted {
		names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, "trusted.") })
	}
	if err != nil || len(names) == 0 {
		return nil, f.errno(err)
	}
	return []byte(strings.Join(names, "\x00") + "\x00"), 0
}
