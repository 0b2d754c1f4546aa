package writer

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/jrun-hpc/jrun/squash"
)

// recorder collects what the index says of each layer, compressed as it comes:
// the scan encodes entries, the ordered writer blocks.
type recorder struct {
	layers  []recordedLayer
	entries *sectionWriter // of the layer being scanned
	blocks  *sectionWriter // of the layer being written

	// Of the scan, for the current layer.
	lastPath   string
	xattrSets  map[uint32]uint32 // index in the tree's sets → number in the section
	smallBlobs uint32            // recorded so far, of all layers
}

// recordedLayer is complete when both goroutines have ended it; each writes its
// own fields.
type recordedLayer struct {
	entries       sectionContent
	skippedXattrs int

	blocks sectionContent
	end    layerCounts
}

// layerCounts is how many files with blocks and fragment blocks there are up to
// the end of a layer.
type layerCounts struct{ blobs, fragments int }

func newRecorder(layers int) *recorder {
	return &recorder{
		layers: make([]recordedLayer, layers), entries: newSectionWriter(), blocks: newSectionWriter(),
		xattrSets: make(map[uint32]uint32),
	}
}

// How an entry begins: its kind, and whether an inode follows.
const (
	entryKindMask = 0x0f
	entryInode    = 0x10
)

// What the data of a regular file is.
const (
	dataNone     = iota // it is empty
	dataNewSmall        // in a fragment block, stored by this entry
	dataOldSmall        // in a fragment block, stored before
	dataLarge           // blocks of its own: the next record of that kind
)

// entry records one entry of the layer being scanned, for a clean path; sum is of its content, when
// that went into a fragment block.
func (r *recorder) entry(fs *tree, path string, e *entry, sum [SumSize]byte) error {
	w := r.entries
	first := byte(e.kind)
	if e.inode != nil {
		first |= entryInode
	}
	w.byte(first)
	shared := 0
	for shared < min(len(r.lastPath), len(path)) && r.lastPath[shared] == path[shared] {
		shared++
	}
	w.uint(uint64(shared))
	w.string(path[shared:])
	r.lastPath = path
	switch {
	case e.inode != nil:
		r.inode(fs, e.inode, sum)
	case e.kind == plainName, e.kind == aufsLinkName:
		w.string(e.link)
	}
	return w.flush()
}

func (r *recorder) inode(fs *tree, n *inode, sum [SumSize]byte) {
	w := r.entries
	w.byte(byte(n.kind))
	for _, v := range []uint32{uint32(n.mode), n.uid, n.gid, n.mtime} {
		w.uint(uint64(v))
	}
	r.xattrs(fs, n.xattr)
	switch n.kind {
	case squash.TypeFile:
		w.uint(uint64(n.size))
		r.data(n.data, sum)
	case squash.TypeSymlink:
		w.string(n.target)
	case squash.TypeBlockDev, squash.TypeCharDev:
		w.uint(uint64(n.rdev))
	}
}

// xattrs records 0 for none, or 1 and up for a set, which follows when it is
// the layer's first use of it.
func (r *recorder) xattrs(fs *tree, set uint32) {
	w := r.entries
	if set == squash.NoXattr {
		w.uint(0)
		return
	}
	number, known := r.xattrSets[set]
	if !known {
		number = uint32(len(r.xattrSets)) + 1
		r.xattrSets[set] = number
	}
	w.uint(uint64(number))
	if known {
		return
	}
	w.uint(uint64(len(fs.xattrSets[set])))
	for _, x := range fs.xattrSets[set] {
		w.uint(uint64(x.prefix))
		w.string(x.name)
		w.string(x.value)
	}
}

func (r *recorder) data(b *blob, sum [SumSize]byte) {
	w := r.entries
	switch {
	case b == nil:
		w.byte(dataNone)
	case b.large:
		w.byte(dataLarge)
	case b.number < r.smallBlobs:
		w.byte(dataOldSmall)
		w.uint(uint64(b.number))
	default:
		r.smallBlobs++
		w.byte(dataNewSmall)
		w.uint(uint64(b.fragment))
		w.uint(uint64(b.offset))
		w.bytes(sum[:])
	}
}

// endEntries ends the layer being scanned.
func (r *recorder) endEntries(layer, skippedXattrs int) (err error) {
	r.layers[layer].skippedXattrs = skippedXattrs
	r.layers[layer].entries, err = r.entries.finish()
	r.lastPath = ""
	clear(r.xattrSets)
	return err
}

// Kinds of records of blocks.
const (
	blocksFragment  = iota + 1 // a fragment block
	blocksNew                  // the blocks of a file
	blocksDuplicate            // a file whose content was stored before
)

func (r *recorder) fragment(f fragment) error {
	w := r.blocks
	w.byte(blocksFragment)
	w.uint(uint64(f.start))
	w.uint(uint64(f.word))
	return w.flush()
}

// file records the blob of a file with blocks when it has been written; sum is
// what tells its content apart.
func (r *recorder) file(b *blob, sum [SumSize]byte) error {
	w := r.blocks
	if b.same != nil {
		w.byte(blocksDuplicate)
		w.uint(uint64(b.same.number))
		return w.flush()
	}
	w.byte(blocksNew)
	w.uint(uint64(b.extent.start))
	w.uint(uint64(b.extent.stored))
	w.uint(uint64(b.extent.sparse))
	w.uint(uint64(len(b.extent.words)))
	for _, word := range b.extent.words {
		w.uint(uint64(word))
	}
	w.bytes(sum[:])
	return w.flush()
}

// endBlocks ends the layer being written.
func (r *recorder) endBlocks(layer int, end layerCounts) (err error) {
	r.layers[layer].end = end
	r.layers[layer].blocks, err = r.blocks.finish()
	return err
}

// sectionWriter compresses records into memory.
type sectionWriter struct {
	record []byte
	out    bytes.Buffer
	z      *zstd.Encoder
}

func newSectionWriter() *sectionWriter {
	w := &sectionWriter{}
	z, err := zstd.NewWriter(&w.out, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(512<<10), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(fmt.Sprintf("options of zstd: %v", err)) // they are constants
	}
	w.z = z
	return w
}

func (w *sectionWriter) byte(b byte)    { w.record = append(w.record, b) }
func (w *sectionWriter) bytes(b []byte) { w.record = append(w.record, b...) }
func (w *sectionWriter) uint(v uint64)  { w.record = binary.AppendUvarint(w.record, v) }
func (w *sectionWriter) string(s string) {
	w.uint(uint64(len(s)))
	w.record = append(w.record, s...)
}

// flush ends a record.
func (w *sectionWriter) flush() error {
	_, err := w.z.Write(w.record)
	w.record = w.record[:0]
	return err
}

// finish returns the section and begins a new one.
func (w *sectionWriter) finish() (sectionContent, error) {
	if err := w.z.Close(); err != nil {
		return sectionContent{}, err
	}
	content := newSectionContent(bytes.Clone(w.out.Bytes()))
	w.out = bytes.Buffer{}
	w.z.Reset(&w.out)
	return content, nil
}
