package writer

import (
	"encoding/binary"
	"math"

	"github.com/jrun-hpc/jrun/squash"
)

// listing is where a directory's names stand in the directory table.
type listing struct {
	start squash.InodeRef
	size  uint32 // bytes before compression
	index []indexEntry
}

// indexEntry lets a reader skip to a metadata block of a long listing.
type indexEntry struct {
	offset uint32 // of a run's header in the listing, bytes
	block  uint32 // the metadata block that holds it, from the table's start
	name   string // the run's first name
}

// writeListing writes the names of dir in runs: a struct squashfs_dir_header
// and up to 256 entries whose inodes share a metadata block.
func (t *tables) writeListing(dir *inode) (listing, error) {
	l := listing{start: t.dirs.position()}
	lastBlock := l.start.Block()
	for rest := dir.children.sorted; len(rest) > 0; {
		run := rest[:runLength(rest)]
		rest = rest[len(run):]
		if at := t.dirs.position().Block(); at != lastBlock && len(l.index) < math.MaxUint16 {
			lastBlock = at
			l.index = append(l.index, indexEntry{offset: l.size, block: uint32(at), name: run[0].name})
		}
		b := encodeRun(run)
		if err := t.dirs.write(b); err != nil {
			return listing{}, err
		}
		l.size += uint32(len(b))
	}
	return l, nil
}

// runLength is how many of the entries may stand behind one header.
func runLength(entries []dirent) int {
	first := entries[0].inode
	for i, d := range entries {
		delta := int64(d.inode.number) - int64(first.number)
		if i == squash.MaxDirRun || d.inode.ref.Block() != first.ref.Block() ||
			delta < math.MinInt16 || delta > math.MaxInt16 {
			return i
		}
	}
	return len(entries)
}

// encodeRun encodes a header and its entries, struct squashfs_dir_entry.
func encodeRun(run []dirent) []byte {
	le := binary.LittleEndian
	first := run[0].inode
	var b []byte
	b = le.AppendUint32(b, uint32(len(run)-1))
	b = le.AppendUint32(b, uint32(first.ref.Block()))
	b = le.AppendUint32(b, first.number)
	for _, d := range run {
		b = le.AppendUint16(b, uint16(d.inode.ref.Offset()))
		b = le.AppendUint16(b, uint16(int16(int64(d.inode.number)-int64(first.number))))
		b = le.AppendUint16(b, uint16(d.inode.kind))
		b = le.AppendUint16(b, uint16(len(d.name)-1))
		b = append(b, d.name...)
	}
	return b
}
