package fusefs

import (
	"sync"

	"golang.org/x/sys/unix"

	"github.com/jrun-hpc/jrun/squash"
	"github.com/jrun-hpc/jrun/squash/reader"
)

// DirEntry is one name in a listing.
type DirEntry struct {
	Name string
	Ino  uint64
	Mode uint32 // the type's bits of st_mode
	Off  uint64 // pass it to ReadDir to go on behind this entry

	node  NodeID
	entry reader.DirEntry // of an image's node
}

// HasAttr is false for "." and "..", of which READDIRPLUS tells nothing more.
func (e *DirEntry) HasAttr() bool { return e.node != 0 }

// firstName is the offset of the first real name, behind "." and "..".
const firstName = 2

// ReadDir calls emit for the entries of a directory from an offset on, 0 at
// first, until emit returns false; e is valid during the call. "." and ".." come first, then synthetic
// names, then the image's.
func (f *FS) ReadDir(node NodeID, off uint64, emit func(e *DirEntry) bool) unix.Errno {
	return f.errno(f.readDir(node, off, emit))
}

func (f *FS) readDir(node NodeID, off uint64, emit func(e *DirEntry) bool) error {
	self, parent, entries, err := f.listing(node)
	if err != nil {
		return err
	}
	e := entryPool.Get().(*DirEntry) // one for all, as it escapes
	defer entryPool.Put(e)
	next := off
	for ; next < firstName; next++ {
		*e = DirEntry{Name: "..", Ino: parent, Mode: unix.S_IFDIR, Off: next + 1}
		if next == 0 {
			e.Name, e.Ino = ".", self
		}
		if !emit(e) {
			return nil
		}
	}
	o := f.tree.overlays[node]
	if o == nil {
		o = &overlay{}
	}
	synthetic := uint64(firstName + len(o.names))
	for ; next < synthetic; next++ {
		name := o.names[next-firstName]
		a := f.tree.attr(o.children[name])
		*e = DirEntry{Name: name, Ino: a.Ino, Mode: a.Mode & unix.S_IFMT, Off: next + 1, node: a.Node}
		if !emit(e) {
			return nil
		}
	}
	for ; next-synthetic < uint64(len(entries)); next++ {
		entry := &entries[next-synthetic]
		if _, hidden := o.children[entry.Name]; hidden {
			continue
		}
		*e = DirEntry{
			Name: entry.Name, Ino: uint64(entry.Number), Mode: typeMode(entry.Type), Off: next + 1,
			node: f.nodeOf(entry.Ref), entry: *entry,
		}
		if !emit(e) {
			return nil
		}
	}
	return nil
}

var entryPool = sync.Pool{New: func() any { return new(DirEntry) }}

// listing returns the inode numbers of a directory and its parent, and what the
// image has in it.
func (f *FS) listing(node NodeID) (self, parent uint64, entries []reader.DirEntry, err error) {
	if node&syntheticBit != 0 {
		n := f.tree.node(node)
		if n == nil {
			return 0, 0, nil, unix.ENOENT
		}
		if n.kind != Dir {
			return 0, 0, nil, unix.ENOTDIR
		}
		up, err := f.getAttr(n.parent)
		return f.tree.attr(node).Ino, up.Ino, nil, err
	}
	dir, err := f.inode(node)
	if err != nil {
		return 0, 0, nil, err
	}
	entries, err = f.r.ReadDir(&dir)
	self, parent = uint64(dir.Number), uint64(dir.Parent)
	if node == RootID {
		parent = self
	}
	return self, parent, entries, err
}

// EntryAttr describes the node that ReadDir found under a name.
func (f *FS) EntryAttr(e *DirEntry) (Attr, unix.Errno) {
	if e.node&syntheticBit != 0 {
		return f.tree.attr(e.node), 0
	}
	ino, err := f.r.EntryInode(e.entry)
	if err != nil {
		return Attr{}, f.errno(err)
	}
	return f.attr(&ino), 0
}

// StatFS describes the image as a whole.
type StatFS struct {
	Blocks    uint64 // of BlockSize bytes, all in use
	BlockSize uint32 // bytes
	Inodes    uint64
	NameMax   uint32 // bytes
}

// StatFS answers statfs(2).
func (f *FS) StatFS() StatFS {
	size := uint64(f.sb.BlockSize)
	return StatFS{
		Blocks:    (f.sb.BytesUsed + size - 1) / size,
		BlockSize: f.sb.BlockSize,
		Inodes:    uint64(f.sb.Inodes) + uint64(len(f.tree.nodes)),
		NameMax:   squash.MaxNameLength,
	}
}
