package fusefs

import (
	"math"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// bridge translates go-fuse's raw calls for an FS.
type bridge struct {
	fuse.RawFileSystem // ENOSYS to what is not below
	fs                 *FS
}

var _ fuse.RawFileSystem = (*bridge)(nil)

func newBridge(f *FS) *bridge {
	return &bridge{RawFileSystem: fuse.NewDefaultRawFileSystem(), fs: f}
}

// forever is the longest timeout, in seconds, that the kernel takes for one
// that never ends without overflowing its jiffies.
const forever = math.MaxInt32

func (b *bridge) String() string { return "jrun" }

func (b *bridge) fillAttr(out *fuse.Attr, a *Attr) {
	*out = fuse.Attr{
		Ino: a.Ino, Size: a.Size, Blocks: a.Blocks,
		Atime: a.MTime, Mtime: a.MTime, Ctime: a.MTime,
		Mode: a.Mode, Nlink: a.Nlink, Rdev: a.Rdev,
		Owner: fuse.Owner{Uid: b.fs.opts.UID, Gid: b.fs.opts.GID},
	}
}

func (b *bridge) fillEntry(out *fuse.EntryOut, a *Attr) {
	out.NodeId = uint64(a.Node)
	out.EntryValid, out.AttrValid = forever, forever
	b.fillAttr(&out.Attr, a)
}

// Lookup answers a missing name with node 0, which the kernel remembers, where
// ENOENT would be asked again.
func (b *bridge) Lookup(_ <-chan struct{}, h *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	a, errno := b.fs.Lookup(NodeID(h.NodeId), name)
	switch errno {
	case 0:
		b.fillEntry(out, &a)
	case unix.ENOENT:
		out.NodeId, out.EntryValid = 0, forever
	default:
		return fuse.Status(errno)
	}
	return fuse.OK
}

func (b *bridge) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	a, errno := b.fs.GetAttr(NodeID(in.NodeId))
	if errno == 0 {
		out.AttrValid = forever
		b.fillAttr(&out.Attr, &a)
	}
	return fuse.Status(errno)
}

func (b *bridge) Readlink(_ <-chan struct{}, h *fuse.InHeader) ([]byte, fuse.Status) {
	target, errno := b.fs.Readlink(NodeID(h.NodeId))
	return []byte(target), fuse.Status(errno)
}

func (b *bridge) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	n, errno := b.fs.Read(NodeID(in.NodeId), buf, in.Offset)
	if errno != 0 {
		return nil, fuse.Status(errno)
	}
	return fuse.ReadResultData(buf[:n]), fuse.OK
}

func (b *bridge) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	return fuse.Status(b.fs.ReadDir(NodeID(in.NodeId), in.Offset, func(e *DirEntry) bool {
		return out.AddDirEntry(fuse.DirEntry{Name: e.Name, Ino: e.Ino, Mode: e.Mode, Off: e.Off})
	}))
}

func (b *bridge) ReadDirPlus(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	return fuse.Status(b.fs.ReadDir(NodeID(in.NodeId), in.Offset, func(e *DirEntry) bool {
		entry := out.AddDirLookupEntry(fuse.DirEntry{Name: e.Name, Ino: e.Ino, Mode: e.Mode, Off: e.Off})
		if entry == nil {
			return false
		}
		if e.HasAttr() {
			// Without attributes the entry is only a name, and stat will
			// tell what is wrong with it.
			if a, errno := b.fs.EntryAttr(e); errno == 0 {
				b.fillEntry(entry, &a)
			}
		}
		return true
	}))
}

func (b *bridge) GetXAttr(_ <-chan struct{}, h *fuse.InHeader, name string, dest []byte) (uint32, fuse.Status) {
	value, errno := b.fs.GetXattr(NodeID(h.NodeId), name)
	return sized(dest, value, errno)
}

func (b *bridge) ListXAttr(_ <-chan struct{}, h *fuse.InHeader, dest []byte) (uint32, fuse.Status) {
	names, errno := b.fs.ListXattr(NodeID(h.NodeId))
	return sized(dest, names, errno)
}

// sized copies value into dest; an empty dest asks for its size only.
func sized(dest, value []byte, errno unix.Errno) (uint32, fuse.Status) {
	if errno != 0 {
		return 0, fuse.Status(errno)
	}
	if len(value) > len(dest) {
		return uint32(len(value)), fuse.ERANGE
	}
	return uint32(copy(dest, value)), fuse.OK
}

func (b *bridge) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	s := b.fs.StatFS()
	*out = fuse.StatfsOut{Blocks: s.Blocks, Bsize: s.BlockSize, Frsize: s.BlockSize, Files: s.Inodes, NameLen: s.NameMax}
	return fuse.OK
}

// Open and OpenDir say that they need not be called: the kernel then opens
// files itself, and keeps their pages and listings.
func (b *bridge) Open(_ <-chan struct{}, in *fuse.OpenIn, _ *fuse.OpenOut) fuse.Status {
	if in.Flags&unix.O_ACCMODE != unix.O_RDONLY {
		return fuse.EROFS
	}
	return fuse.ENOSYS
}

func (b *bridge) OpenDir(<-chan struct{}, *fuse.OpenIn, *fuse.OpenOut) fuse.Status {
	return fuse.ENOSYS
}
