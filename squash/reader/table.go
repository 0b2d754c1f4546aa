package reader

import (
	"encoding/binary"
	"fmt"

	"github.com/jrun-hpc/jrun/squash"
)

// pointerTable is a table of fixed-size entries in metadata blocks, found
// through a list of 64-bit absolute offsets, one for each full block: the
// fragment, id and xattr id tables. A short list is read by Open; a long one is
// read pointer by pointer, so that a large table costs nothing up front.
type pointerTable struct {
	name      string
	list      uint64 // absolute offset of the list
	count     uint64 // entries
	entrySize uint64 // bytes, a divisor of squash.MetadataSize
	pointers  []byte // the list itself when it is at most maxPointers long
}

// maxPointers is the length of the longest list that Open reads, in bytes.
// 32 KiB are the pointers of two million fragments.
const maxPointers = 32 << 10

func (t pointerTable) perBlock() uint64 { return squash.MetadataSize / t.entrySize }

func (t pointerTable) listBytes() uint64 {
	return (t.count + t.perBlock() - 1) / t.perBlock() * 8
}

// openTable checks that the list at start ends by end.
func (r *Reader) openTable(name string, start, end, count, entrySize uint64) (pointerTable, error) {
	t := pointerTable{name: name, list: start, count: count, entrySize: entrySize}
	if start < squash.SuperblockSize || start > end || t.listBytes() > end-start {
		return t, corrupt("%s table of %d entries at %d does not fit before %d", name, count, start, end)
	}
	if n := t.listBytes(); n <= maxPointers {
		t.pointers = make([]byte, n)
		if err := readFull(r.src, t.pointers, t.list); err != nil {
			return t, fmt.Errorf("reading %s table: %w", name, err)
		}
	}
	return t, nil
}

// pointer is the absolute offset of metadata block n of the table.
func (r *Reader) pointer(t pointerTable, n uint64) (uint64, error) {
	var off uint64
	if t.pointers != nil {
		off = binary.LittleEndian.Uint64(t.pointers[n*8:])
	} else {
		var buf [8]byte
		if err := readFull(r.src, buf[:], t.list+n*8); err != nil {
			return 0, err
		}
		off = binary.LittleEndian.Uint64(buf[:])
	}
	// The blocks lie before the list that names them.
	if off < squash.SuperblockSize || off >= t.list {
		return 0, corrupt("%s table block at %d", t.name, off)
	}
	return off, nil
}

// tableEntries fills p with entries from number i on; they must not cross a
// metadata block.
func (r *Reader) tableEntries(t pointerTable, i uint64, p []byte) error {
	if i >= t.count {
		return corrupt("%s %d of %d", t.name, i, t.count)
	}
	off, err := r.pointer(t, i/t.perBlock())
	if err != nil {
		return err
	}
	b, err := r.metaBlock(off, t.list)
	if err != nil {
		return err
	}
	pos := int(i % t.perBlock() * t.entrySize)
	if pos+len(p) > len(b.data) {
		return corrupt("%s %d lies behind the end of its block", t.name, i)
	}
	copy(p, b.data[pos:])
	return nil
}

// fragment is struct squashfs_fragment_entry.
type fragment struct {
	start uint64 // absolute offset
	size  squash.SizeWord
}

func (r *Reader) fragment(i uint32) (fragment, error) {
	var buf [16]byte
	if err := r.tableEntries(r.fragments, uint64(i), buf[:]); err != nil {
		return fragment{}, fmt.Errorf("reading fragment %d: %w", i, err)
	}
	return fragment{
		start: binary.LittleEndian.Uint64(buf[:]),
		size:  squash.SizeWord(binary.LittleEndian.Uint32(buf[8:])),
	}, nil
}
