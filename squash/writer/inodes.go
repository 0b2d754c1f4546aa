package writer

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/jrun-hpc/jrun/squash"
)

// number gives every inode below dir its number and its link count, sorts the
// directories, and marks the data in use. The order is the one of
// writeContents: first what is below the subdirectories, then the inodes of all
// children side by side. So a directory's inodes have neighbouring numbers and
// share metadata blocks, which keeps its listing and a reader's stat calls short.
func (t *tables) number(dir *inode) error {
	sorted := dir.children.sort()
	dir.nlink = 2
	for _, d := range sorted {
		if d.inode.isDir() {
			dir.nlink++
			if err := t.number(d.inode); err != nil {
				return err
			}
		}
	}
	for _, d := range sorted {
		if d.inode.number == 0 {
			if t.inodeCount == math.MaxUint32-2 {
				return errors.New("too many inodes for squashfs")
			}
			t.inodeCount++
			d.inode.number = t.inodeCount
		}
		if !d.inode.isDir() {
			d.inode.nlink++
			t.markLive(d.inode.data)
		}
	}
	return nil
}

// sort turns the map into a list by name.
func (c *children) sort() []dirent {
	c.sorted = make([]dirent, 0, len(c.byName))
	for name, child := range c.byName {
		c.sorted = append(c.sorted, dirent{name, child})
	}
	c.byName = nil
	slices.SortFunc(c.sorted, func(a, b dirent) int { return cmp.Compare(a.name, b.name) })
	return c.sorted
}

func (t *tables) markLive(b *blob) {
	if b == nil {
		return
	}
	b = b.stands()
	b.live = true
	if b.extent == nil {
		t.fragments[b.fragment].live = true
	}
}

// writeContents writes everything below dir: the inodes and the listings, but
// not the inode of dir itself.
func (t *tables) writeContents(dir *inode) (listing, error) {
	var below []listing
	for _, d := range dir.children.sorted {
		if !d.inode.isDir() {
			continue
		}
		l, err := t.writeContents(d.inode)
		if err != nil {
			return listing{}, err
		}
		below = append(below, l)
	}
	for _, d := range dir.children.sorted {
		var err error
		switch {
		case d.inode.isDir():
			err = t.writeDir(d.inode, below[0], dir.number)
			below = below[1:]
		case !d.inode.written:
			d.inode.written = true
			err = t.writeInode(d.inode)
		}
		if err != nil {
			return listing{}, err
		}
	}
	return t.writeListing(dir)
}

// header encodes struct squashfs_base_inode.
func (t *tables) header(n *inode, extended bool) ([]byte, error) {
	uid, err := t.ids.add(n.uid)
	if err != nil {
		return nil, err
	}
	gid, err := t.ids.add(n.gid)
	if err != nil {
		return nil, err
	}
	kind := n.kind
	if extended {
		kind += squash.TypeLDir - squash.TypeDir
	}
	n.ref = t.inodes.position()
	le := binary.LittleEndian
	b := make([]byte, 0, 64)
	b = le.AppendUint16(b, uint16(kind))
	b = le.AppendUint16(b, n.mode)
	b = le.AppendUint16(b, uid)
	b = le.AppendUint16(b, gid)
	b = le.AppendUint32(b, n.mtime)
	b = le.AppendUint32(b, n.number)
	return b, nil
}

// writeDir writes squashfs_dir_inode, or squashfs_ldir_inode for a directory
// with extended attributes or a long listing.
func (t *tables) writeDir(n *inode, l listing, parent uint32) error {
	xattr, err := t.xattrs.add(n.xattr)
	if err != nil {
		return err
	}
	// Readers expect the size of "." and "..", which are not stored.
	const dots = 3
	size := uint64(l.size) + dots
	extended := xattr != squash.NoXattr || len(l.index) > 0 || size > math.MaxUint16
	b, err := t.header(n, extended)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	if !extended {
		b = le.AppendUint32(b, uint32(l.start.Block()))
		b = le.AppendUint32(b, n.nlink)
		b = le.AppendUint16(b, uint16(size))
		b = le.AppendUint16(b, uint16(l.start.Offset()))
		b = le.AppendUint32(b, parent)
		return t.inodes.write(b)
	}
	b = le.AppendUint32(b, n.nlink)
	b = le.AppendUint32(b, uint32(size))
	b = le.AppendUint32(b, uint32(l.start.Block()))
	b = le.AppendUint32(b, parent)
	b = le.AppendUint16(b, uint16(len(l.index)))
	b = le.AppendUint16(b, uint16(l.start.Offset()))
	b = le.AppendUint32(b, xattr)
	for _, i := range l.index { // struct squashfs_dir_index
		b = le.AppendUint32(b, i.offset)
		b = le.AppendUint32(b, i.block)
		b = le.AppendUint32(b, uint32(len(i.name)-1))
		b = append(b, i.name...)
	}
	return t.inodes.write(b)
}

// writeInode writes an inode that is not a directory.
func (t *tables) writeInode(n *inode) error {
	xattr, err := t.xattrs.add(n.xattr)
	if err != nil {
		return err
	}
	if n.kind == squash.TypeFile {
		return t.writeFile(n, xattr)
	}
	b, err := t.header(n, xattr != squash.NoXattr)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	b = le.AppendUint32(b, n.nlink)
	switch n.kind {
	case squash.TypeSymlink:
		b = le.AppendUint32(b, uint32(len(n.target)))
		b = append(b, n.target...)
	case squash.TypeBlockDev, squash.TypeCharDev:
		b = le.AppendUint32(b, n.rdev)
	}
	if xattr != squash.NoXattr {
		b = le.AppendUint32(b, xattr)
	}
	return t.inodes.write(b)
}

// writeFile writes squashfs_reg_inode, or squashfs_lreg_inode where the former
// has no room: it implies one link, no holes and 32-bit sizes and offsets.
func (t *tables) writeFile(n *inode, xattr uint32) error {
	var blocks extent
	fragment, offset := squash.NoFragment, uint32(0)
	if n.data != nil {
		data := n.data.stands()
		if data.extent != nil {
			blocks = *data.extent
		} else {
			fragment, offset = t.fragments[data.fragment].number, data.offset
		}
	}
	extended := xattr != squash.NoXattr || n.nlink > 1 || blocks.sparse > 0 ||
		n.size > math.MaxUint32 || blocks.start > math.MaxUint32
	b, err := t.header(n, extended)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	if extended {
		b = le.AppendUint64(b, uint64(blocks.start))
		b = le.AppendUint64(b, uint64(n.size))
		b = le.AppendUint64(b, uint64(blocks.sparse))
		b = le.AppendUint32(b, n.nlink)
		b = le.AppendUint32(b, fragment)
		b = le.AppendUint32(b, offset)
		b = le.AppendUint32(b, xattr)
	} else {
		b = le.AppendUint32(b, uint32(blocks.start))
		b = le.AppendUint32(b, fragment)
		b = le.AppendUint32(b, offset)
		b = le.AppendUint32(b, uint32(n.size))
	}
	for _, w := range blocks.words {
		b = le.AppendUint32(b, uint32(w))
	}
	return t.inodes.write(b)
}
