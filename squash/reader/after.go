package reader

import (
	"encoding/binary"
	"fmt"

	"github.com/jrun-hpc/jrun/squash"
)

// After returns the inode that is stored behind ino. Writers store the inodes
// of a directory side by side in the order of their names, so this is mostly
// what a program that reads file after file will want next. Behind the last
// inode is an error that wraps squash.ErrCorrupt.
func (r *Reader) After(ino *Inode) (Inode, error) {
	ref, err := r.refAfter(ino)
	if err != nil {
		return Inode{}, fmt.Errorf("finding the inode behind %#x: %w", uint64(ino.Ref), err)
	}
	return r.Inode(ref)
}

func (r *Reader) refAfter(ino *Inode) (squash.InodeRef, error) {
	c := r.cursorFrom(r.inodeTable, ino.tail)
	if err := c.skip(r.tailBytes(ino)); err != nil {
		return 0, err
	}
	if err := c.skipIndex(ino.indexes); err != nil {
		return 0, err
	}
	if err := c.fill(); err != nil { // the next one may be the first of its block
		return 0, err
	}
	return squash.NewInodeRef(c.off-r.inodeTable.start, uint16(c.pos)), nil
}

// tailBytes is the length of what follows an inode's fixed part, without a
// directory's index.
func (r *Reader) tailBytes(ino *Inode) int64 {
	switch {
	case ino.Type == squash.TypeFile:
		return int64(4 * r.fullBlocks(ino))
	case ino.Type == squash.TypeSymlink && ino.extended:
		return int64(ino.Size) + 4 // the index of its attributes
	case ino.Type == squash.TypeSymlink:
		return int64(ino.Size)
	}
	return 0
}

// skipIndex passes over n entries of a directory's index: struct
// squashfs_dir_index, whose name is one byte longer than it says.
func (c *cursor) skipIndex(n uint32) error {
	var buf [12]byte
	for range n {
		entry, err := c.next(len(buf), buf[:])
		if err != nil {
			return err
		}
		length := int64(binary.LittleEndian.Uint32(entry[8:])) + 1
		if length > squash.MaxNameLength {
			return corrupt("name of %d bytes in a directory's index", length)
		}
		if err := c.skip(length); err != nil {
			return err
		}
	}
	return nil
}
