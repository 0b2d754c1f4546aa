package reader

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/jrun-hpc/jrun/squash"
)

// Inode is one decoded inode. It is a plain value: copy it, keep it, come back
// with it to the Reader it is from.
type Inode struct {
	Ref    squash.InodeRef
	Type   squash.InodeType // a basic type
	Mode   uint32           // permission bits, 07777 at most
	UID    uint32
	GID    uint32
	MTime  uint32 // seconds since the epoch
	Number uint32 // unique in the image; hard links share it
	Nlink  uint32
	Size   uint64 // bytes in a file or a symlink's target; a directory's listing plus 3
	Rdev   uint32 // devices: as the kernel's new_encode_dev packs it
	Parent uint32 // directories: the parent's Number

	sparse   uint64  // files: bytes that are holes
	xattr    uint32  // index in the xattr id table, or squash.NoXattr
	start    uint64  // files: absolute offset of the first block; directories: block in the directory table
	fragment uint32  // files: index in the fragment table, or squash.NoFragment
	offset   uint32  // files: in the fragment; directories: in the first block of the listing
	tail     metaPos // what follows the fixed part: size words, target, directory index
	indexes  uint32  // directories: entries of the index
	extended bool    // stored in the long form
}

// ModTime is MTime as a time.
func (i *Inode) ModTime() time.Time { return time.Unix(int64(i.MTime), 0) }

// Major and Minor are the halves of a device number.
func (i *Inode) Major() uint32 { return i.Rdev >> 8 & 0xfff }

// Minor is the other half, see Major.
func (i *Inode) Minor() uint32 { return i.Rdev&0xff | i.Rdev>>12&0xfff00 }

// AllocatedBytes is the size without holes.
func (i *Inode) AllocatedBytes() uint64 { return i.Size - min(i.sparse, i.Size) }

// maxTarget is the longest symlink target: PATH_MAX, as in fs/squashfs/inode.c.
const maxTarget = 4096

// Root returns the root directory.
func (r *Reader) Root() (Inode, error) {
	ino, err := r.Inode(r.sb.RootInode)
	if err == nil && ino.Type != squash.TypeDir {
		err = corrupt("root inode is of type %d", ino.Type)
	}
	return ino, err
}

// Inode decodes the inode at ref. A ref that is not one of this image gives
// either an error that wraps squash.ErrCorrupt or a senseless inode, never more.
func (r *Reader) Inode(ref squash.InodeRef) (Inode, error) {
	ino, err := r.readInode(ref)
	if err != nil {
		return Inode{}, fmt.Errorf("reading inode %#x: %w", uint64(ref), err)
	}
	return ino, nil
}

func (r *Reader) readInode(ref squash.InodeRef) (Inode, error) {
	c, err := r.cursorAt(r.inodeTable, ref)
	if err != nil {
		return Inode{}, err
	}
	var buf [64]byte
	head, err := c.next(16, buf[:])
	if err != nil {
		return Inode{}, err
	}
	le := binary.LittleEndian
	typ := squash.InodeType(le.Uint16(head))
	ino := Inode{
		Ref:      ref,
		Type:     typ.Basic(),
		Mode:     uint32(le.Uint16(head[2:]) & 0o7777),
		MTime:    le.Uint32(head[8:]),
		Number:   le.Uint32(head[12:]),
		xattr:    squash.NoXattr,
		fragment: squash.NoFragment,
	}
	uid, gid := int(le.Uint16(head[4:])), int(le.Uint16(head[6:]))
	if uid >= len(r.ids) || gid >= len(r.ids) {
		return Inode{}, corrupt("id %d or %d of %d", uid, gid, len(r.ids))
	}
	ino.UID, ino.GID = r.ids[uid], r.ids[gid]
	if ino.Number == 0 {
		return Inode{}, corrupt("inode number 0")
	}
	size := bodySize(typ)
	if size == 0 {
		return Inode{}, corrupt("inode type %d", typ)
	}
	body, err := c.next(size, buf[:])
	if err != nil {
		return Inode{}, err
	}
	ino.decodeBody(typ, body)
	ino.tail = c.position()
	ino.extended = typ != ino.Type
	if typ == squash.TypeLSymlink {
		err = ino.readSymlinkXattr(c)
	}
	if err == nil {
		err = r.checkInode(&ino)
	}
	return ino, err
}

// bodySize is the length of an inode's fixed part behind the common 16 bytes.
func bodySize(t squash.InodeType) int {
	switch t {
	case squash.TypeDir, squash.TypeFile:
		return 16
	case squash.TypeSymlink, squash.TypeLSymlink, squash.TypeBlockDev, squash.TypeCharDev,
		squash.TypeLFifo, squash.TypeLSocket:
		return 8
	case squash.TypeFifo, squash.TypeSocket:
		return 4
	case squash.TypeLDir:
		return 24
	case squash.TypeLFile:
		return 40
	case squash.TypeLBlockDev, squash.TypeLCharDev:
		return 12
	}
	return 0
}

// decodeBody reads the structs squashfs_*_inode of squashfs_fs.h.
func (i *Inode) decodeBody(t squash.InodeType, b []byte) {
	u16 := func(at int) uint32 { return uint32(binary.LittleEndian.Uint16(b[at:])) }
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
	u64 := func(at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
	switch t {
	case squash.TypeDir:
		i.start, i.Nlink, i.Size, i.offset, i.Parent = uint64(u32(0)), u32(4), uint64(u16(8)), u16(10), u32(12)
	case squash.TypeLDir:
		i.Nlink, i.Size, i.start, i.Parent = u32(0), uint64(u32(4)), uint64(u32(8)), u32(12)
		i.indexes, i.offset, i.xattr = u16(16), u16(18), u32(20)
	case squash.TypeFile:
		i.start, i.fragment, i.offset, i.Size, i.Nlink = uint64(u32(0)), u32(4), u32(8), uint64(u32(12)), 1
	case squash.TypeLFile:
		i.start, i.Size, i.sparse, i.Nlink = u64(0), u64(8), u64(16), u32(24)
		i.fragment, i.offset, i.xattr = u32(28), u32(32), u32(36)
	case squash.TypeSymlink, squash.TypeLSymlink:
		i.Nlink, i.Size = u32(0), uint64(u32(4))
	case squash.TypeBlockDev, squash.TypeCharDev:
		i.Nlink, i.Rdev = u32(0), u32(4)
	case squash.TypeLBlockDev, squash.TypeLCharDev:
		i.Nlink, i.Rdev, i.xattr = u32(0), u32(4), u32(8)
	case squash.TypeFifo, squash.TypeSocket:
		i.Nlink = u32(0)
	case squash.TypeLFifo, squash.TypeLSocket:
		i.Nlink, i.xattr = u32(0), u32(4)
	}
}

// readSymlinkXattr reads the word behind an extended symlink's target.
func (i *Inode) readSymlinkXattr(c cursor) error {
	if i.Size > maxTarget {
		return corrupt("symlink target of %d bytes", i.Size)
	}
	if err := c.skip(int64(i.Size)); err != nil {
		return err
	}
	var buf [4]byte
	word, err := c.next(4, buf[:])
	if err != nil {
		return err
	}
	i.xattr = binary.LittleEndian.Uint32(word)
	return nil
}

// checkInode verifies what later code takes for granted.
func (r *Reader) checkInode(i *Inode) error {
	switch i.Type {
	case squash.TypeSymlink:
		if i.Size > maxTarget {
			return corrupt("symlink target of %d bytes", i.Size)
		}
	case squash.TypeDir:
		if i.Size > maxDirListing {
			return fmt.Errorf("%w: directory listing of %d bytes", squash.ErrUnsupported, i.Size)
		}
	case squash.TypeFile:
		return r.checkFile(i)
	}
	return nil
}

func (r *Reader) checkFile(i *Inode) error {
	if i.Size > math.MaxInt64-uint64(r.sb.BlockSize) {
		return corrupt("file of %d bytes", i.Size)
	}
	if i.fragment == squash.NoFragment {
		return nil
	}
	if uint64(i.fragment) >= r.fragments.count {
		return corrupt("fragment %d of %d", i.fragment, r.fragments.count)
	}
	if uint64(i.offset)+i.Size%uint64(r.sb.BlockSize) > uint64(r.sb.BlockSize) {
		return corrupt("tail of %d bytes at %d in a fragment", i.Size%uint64(r.sb.BlockSize), i.offset)
	}
	return nil
}

// Readlink returns a symlink's target.
func (r *Reader) Readlink(ino *Inode) (string, error) {
	if ino.Type != squash.TypeSymlink {
		return "", fmt.Errorf("reading link %#x: %w", uint64(ino.Ref), errNotSymlink)
	}
	target := make([]byte, ino.Size)
	c := r.cursorFrom(r.inodeTable, ino.tail)
	if err := c.read(target); err != nil {
		return "", fmt.Errorf("reading link %#x: %w", uint64(ino.Ref), err)
	}
	return string(target), nil
}
