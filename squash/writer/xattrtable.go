package writer

import (
	"encoding/binary"

	"github.com/jrun-hpc/jrun/squash"
)

// xattrTable encodes the sets that the image's inodes use, in the order of
// their first use. What only hidden files had does not appear.
type xattrTable struct {
	sets        [][]xattr
	numbers     map[uint32]uint32 // index in sets → number in the file
	pairs       *metadataWriter
	descriptors []byte // struct squashfs_xattr_id, one per set
	values      map[string]squash.InodeRef
}

func newXattrTable(c compressor, sets [][]xattr) *xattrTable {
	return &xattrTable{
		sets:    sets,
		numbers: make(map[uint32]uint32),
		pairs:   newMetadataWriter(c),
		values:  make(map[string]squash.InodeRef),
	}
}

// xattrDescriptorSize is the size of struct squashfs_xattr_id, bytes.
const xattrDescriptorSize = 16

// add returns the number in the file of a set, writing it when it is new.
func (t *xattrTable) add(set uint32) (uint32, error) {
	if set == squash.NoXattr {
		return squash.NoXattr, nil
	}
	if number, ok := t.numbers[set]; ok {
		return number, nil
	}
	number := uint32(len(t.descriptors) / xattrDescriptorSize)
	t.numbers[set] = number
	start, size := t.pairs.position(), 0
	for _, x := range t.sets[set] {
		// squashfs-tools count the full name with its NUL, and the value.
		size += x.fullNameLength() + 1 + len(x.value)
		if err := t.writePair(x); err != nil {
			return 0, err
		}
	}
	le := binary.LittleEndian
	t.descriptors = le.AppendUint64(t.descriptors, uint64(start))
	t.descriptors = le.AppendUint32(t.descriptors, uint32(len(t.sets[set])))
	t.descriptors = le.AppendUint32(t.descriptors, uint32(size))
	return number, nil
}

// outOfLineSize is the size of a reference to a value, bytes. A value that
// stands in the table already and is longer is referred to.
const outOfLineSize = 8

// writePair writes struct squashfs_xattr_entry and squashfs_xattr_val.
func (t *xattrTable) writePair(x xattr) error {
	le := binary.LittleEndian
	kind, value := x.prefix, []byte(x.value)
	earlier, known := t.values[x.value]
	known = known && len(x.value) > outOfLineSize
	if known {
		kind |= squash.XattrOOL
		value = le.AppendUint64(nil, uint64(earlier))
	}
	b := le.AppendUint16(nil, kind)
	b = le.AppendUint16(b, uint16(len(x.name)))
	b = append(b, x.name...)
	if err := t.pairs.write(b); err != nil {
		return err
	}
	if !known {
		t.values[x.value] = t.pairs.position()
	}
	return t.pairs.write(append(le.AppendUint32(nil, uint32(len(value))), value...))
}

// writeXattrs writes the pairs, the descriptors and, at the offset it returns,
// struct squashfs_xattr_id_table with the list of the descriptors' blocks.
func (t *tables) writeXattrs(out *output) (tableStart uint64, err error) {
	if err := t.xattrs.pairs.flush(); err != nil {
		return 0, err
	}
	pairsStart := out.position
	if err := out.write(t.xattrs.pairs.out); err != nil {
		return 0, err
	}
	ids := newMetadataWriter(t.compressor)
	if err := ids.write(t.xattrs.descriptors); err != nil {
		return 0, err
	}
	if err := ids.flush(); err != nil {
		return 0, err
	}
	list := blockList(ids, out.position)
	if err := out.write(ids.out); err != nil {
		return 0, err
	}
	le := binary.LittleEndian
	head := le.AppendUint64(nil, uint64(pairsStart))
	head = le.AppendUint32(head, uint32(len(t.xattrs.descriptors)/xattrDescriptorSize))
	head = le.AppendUint32(head, 0) // unused
	tableStart = uint64(out.position)
	return tableStart, out.write(append(head, list...))
}
