package writer

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/jrun-hpc/jrun/squash"
)

// tables turns the merged tree into the tables behind the data area.
type tables struct {
	fs         *tree
	fragments  []fragment
	opts       Options
	compressor compressor

	inodes     *metadataWriter
	dirs       *metadataWriter
	ids        idTable
	xattrs     *xattrTable
	inodeCount uint32

	fragmentCount uint32 // those that live
}

func newTables(fs *tree, fragments []fragment, opts Options) *tables {
	c := newCompressor(opts)
	return &tables{
		fs: fs, fragments: fragments, opts: opts, compressor: c,
		inodes: newMetadataWriter(c),
		dirs:   newMetadataWriter(c),
		ids:    idTable{index: make(map[uint32]uint16)},
		xattrs: newXattrTable(c, fs.xattrSets),
	}
}

// build encodes inodes and directories. It also marks the blobs and fragments
// that the image uses. The tree is consumed.
func (t *tables) build() error {
	if err := t.number(t.fs.root); err != nil {
		return err
	}
	t.numberFragments()
	root := t.fs.root
	t.inodeCount++
	root.number = t.inodeCount
	listing, err := t.writeContents(root)
	if err != nil {
		return err
	}
	// The root has no parent; squashfs-tools give it a number beyond the last.
	if err := t.writeDir(root, listing, t.inodeCount+1); err != nil {
		return err
	}
	if err := t.inodes.flush(); err != nil {
		return err
	}
	return t.dirs.flush()
}

// numberFragments leaves the dead out of the table: unsquashfs refuses a file
// with more fragments than inodes.
func (t *tables) numberFragments() {
	for i := range t.fragments {
		if f := &t.fragments[i]; f.live {
			f.number = t.fragmentCount
			t.fragmentCount++
		}
	}
}

// writeTo appends the tables to the data and finishes the file.
func (t *tables) writeTo(out *output) (size int64, err error) {
	sb := squash.Superblock{
		Inodes:           t.inodeCount,
		BlockSize:        uint32(t.opts.BlockSize),
		BlockLog:         uint16(bits.TrailingZeros(uint(t.opts.BlockSize))),
		Fragments:        t.fragmentCount,
		Compression:      t.opts.Compression,
		Flags:            t.flags(),
		IDs:              uint16(len(t.ids.ids)),
		RootInode:        t.fs.root.ref,
		XattrTableStart:  squash.NoTable,
		ExportTableStart: squash.NoTable,
	}
	sb.InodeTableStart = uint64(out.position)
	if err := out.write(t.inodes.out); err != nil {
		return 0, err
	}
	sb.DirTableStart = uint64(out.position)
	if err := out.write(t.dirs.out); err != nil {
		return 0, err
	}
	if sb.FragmentTableStart, err = t.writeLookup(out, encodeFragments(t.fragments)); err != nil {
		return 0, err
	}
	if sb.IDTableStart, err = t.writeLookup(out, t.ids.encode()); err != nil {
		return 0, err
	}
	if len(t.xattrs.descriptors) > 0 {
		if sb.XattrTableStart, err = t.writeXattrs(out); err != nil {
			return 0, err
		}
	}
	return out.finish(&sb)
}

func (t *tables) flags() uint16 {
	flags := uint16(squash.FlagDuplicates)
	if compressorOptions(t.opts) != nil {
		flags |= squash.FlagCompressorOptions
	}
	if len(t.xattrs.descriptors) == 0 {
		flags |= squash.FlagNoXattrs
	}
	if t.opts.Uncompressed {
		flags |= squash.FlagUncompressedInodes | squash.FlagUncompressedData | squash.FlagUncompressedFragments |
			squash.FlagUncompressedXattrs | squash.FlagUncompressedIDs
	}
	return flags
}

// writeLookup writes a table as metadata blocks and behind it the list of their
// file offsets, whose own offset it returns.
func (t *tables) writeLookup(out *output, content []byte) (listStart uint64, err error) {
	m := newMetadataWriter(t.compressor)
	if err := m.write(content); err != nil {
		return 0, err
	}
	if err := m.flush(); err != nil {
		return 0, err
	}
	list := blockList(m, out.position)
	if err := out.write(m.out); err != nil {
		return 0, err
	}
	listStart = uint64(out.position)
	return listStart, out.write(list)
}

// blockList encodes the file offsets of a table's metadata blocks.
func blockList(m *metadataWriter, tableStart int64) []byte {
	var list []byte
	for _, start := range m.starts {
		list = binary.LittleEndian.AppendUint64(list, uint64(tableStart+start))
	}
	return list
}

// encodeFragments encodes struct squashfs_fragment_entry, 16 bytes each, of the
// fragments that live.
func encodeFragments(fragments []fragment) []byte {
	le := binary.LittleEndian
	b := make([]byte, 0, 16*len(fragments))
	for _, f := range fragments {
		if !f.live {
			continue
		}
		b = le.AppendUint64(b, uint64(f.start))
		b = le.AppendUint32(b, uint32(f.word))
		b = le.AppendUint32(b, 0) // unused
	}
	return b
}

// idTable numbers the distinct uids and gids in the order of their first use.
type idTable struct {
	ids   []uint32
	index map[uint32]uint16
}

func (t *idTable) add(id uint32) (uint16, error) {
	if i, ok := t.index[id]; ok {
		return i, nil
	}
	if len(t.ids) == squash.MaxIDs {
		return 0, fmt.Errorf("%w: more than %d", ErrTooManyIDs, squash.MaxIDs)
	}
	i := uint16(len(t.ids))
	t.ids = append(t.ids, id)
	t.index[id] = i
	return i, nil
}

func (t *idTable) encode() []byte {
	var b []byte
	for _, id := range t.ids {
		b = binary.LittleEndian.AppendUint32(b, id)
	}
	return b
}
