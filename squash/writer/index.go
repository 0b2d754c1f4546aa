package writer

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/jrun-hpc/jrun/squash"
)

// An index is
//
//	magic         8 bytes
//	length        uint32, of the head
//	head          JSON: settings, and for each layer its ID, region and sections
//	sum           sha256 of all before
//	sections      of the layers, see recorder and replay
//
// Every section has its sum in the head, so that a few lower layers can be read
// without the rest.
const (
	indexMagic   = "jrunidx\x02"
	maxIndexHead = 64 << 20 // bytes
)

// ErrIndex is wrapped by errors about an index that is damaged or of another
// version of the format.
var ErrIndex = errors.New("invalid block index")

// Index is the block index of a file that Write made: what a later Write needs
// to re-use the data of the file's lowest layers.
type Index struct {
	head     indexHead
	sections *io.SectionReader
}

type indexHead struct {
	Settings settings     `json:"settings"`
	File     string       `json:"file"`   // which it is about: sha256 of the sums of its chunks
	Layers   []indexLayer `json:"layers"` // lowest first
}

type indexLayer struct {
	ID            string  `json:"id"`
	Region        Region  `json:"region"`
	DeadBytes     int64   `json:"deadBytes,omitempty"` // of the region, punched out
	SkippedXattrs int     `json:"skippedXattrs,omitempty"`
	Entries       section `json:"entries"` // what the tar says
	Blocks        section `json:"blocks"`  // where its data stands
	Dead          section `json:"dead"`    // which of that was punched out
}

// section is a range of the index behind its head.
type section struct {
	Offset int64  `json:"offset"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// sectionContent is a section as it stands in the file.
type sectionContent struct {
	bytes []byte
	sum   string // of the bytes, as in the head
}

func newSectionContent(b []byte) sectionContent {
	sum := sha256.Sum256(b)
	return sectionContent{b, hex.EncodeToString(sum[:])}
}

// OpenIndex reads the head of an index of size bytes. Errors wrap ErrIndex or
// are src's.
func OpenIndex(src io.ReaderAt, size int64) (*Index, error) {
	const fixed = len(indexMagic) + 4
	start := make([]byte, fixed)
	if _, err := io.ReadFull(io.NewSectionReader(src, 0, size), start); err != nil {
		return nil, indexError("reading its start", err)
	}
	length := int64(binary.LittleEndian.Uint32(start[len(indexMagic):]))
	if string(start[:len(indexMagic)]) != indexMagic || length > min(maxIndexHead, size) {
		return nil, indexError("it begins like something else", nil)
	}
	head := make([]byte, length+sha256.Size)
	if _, err := io.ReadFull(io.NewSectionReader(src, int64(fixed), size-int64(fixed)), head); err != nil {
		return nil, indexError("reading its head", err)
	}
	if sum := sha256.Sum256(slices.Concat(start, head[:length])); string(sum[:]) != string(head[length:]) {
		return nil, indexError("its head has another sum", nil)
	}
	x := &Index{}
	if err := json.Unmarshal(head[:length], &x.head); err != nil {
		return nil, indexError("decoding its head", err)
	}
	at := int64(fixed + len(head))
	x.sections = io.NewSectionReader(src, at, size-at)
	return x, x.check()
}

// check makes sure that regions follow one another and sections are in the file.
func (x *Index) check() error {
	var end int64
	for _, l := range x.head.Layers {
		if l.Region.Start != alignUp(max(end, squash.PadSize)) || l.Region.End < l.Region.Start {
			return indexError("its regions do not follow one another", nil)
		}
		end = l.Region.End
		for _, s := range []section{l.Entries, l.Blocks, l.Dead} {
			if s.Offset < 0 || s.Size < 0 || s.Offset > x.sections.Size() || s.Size > x.sections.Size()-s.Offset {
				return indexError("a section is beyond its end", nil)
			}
		}
	}
	return nil
}

func indexError(what string, cause error) error {
	if cause == nil {
		return fmt.Errorf("%w: %s", ErrIndex, what)
	}
	return fmt.Errorf("%w: %s: %w", ErrIndex, what, cause)
}

// Shared is how many of the lowest layers the index's file has in common with an
// image of these layers, written with opts.
func (x *Index) Shared(opts Options, layerIDs []string) (int, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return 0, err
	}
	want, err := settingsOf(opts)
	if err != nil || want != x.head.Settings {
		return 0, err
	}
	n := 0
	for n < min(len(layerIDs), len(x.head.Layers)) && layerIDs[n] == x.head.Layers[n].ID {
		n++
	}
	return n, nil
}

// Bytes is how long the regions of the lowest layers are, and how much of them
// was punched out, because upper layers of that image hide it.
func (x *Index) Bytes(layers int) (all, dead int64) {
	for _, l := range x.head.Layers[:layers] {
		all += l.Region.End - l.Region.Start
		dead += l.DeadBytes
	}
	return all, dead
}

// nameBySums tells a file from all others, so that an index is never used with
// another: two processes may be publishing the same object.
func nameBySums(sums []Sum) string {
	h := sha256.New()
	for _, s := range sums {
		_, _ = h.Write(s.BLAKE3[:]) // a hash never fails
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Check reads the whole index and compares it with its sums, and with those of the
// file that it is about. Errors wrap ErrIndex or are those of its source.
func (x *Index) Check(fileSums []Sum) error {
	if x.head.File != nameBySums(fileSums) {
		return indexError("it is about another file", nil)
	}
	var end int64
	for _, l := range x.head.Layers {
		for _, s := range []section{l.Entries, l.Blocks, l.Dead} {
			if _, err := x.read(s); err != nil {
				return err
			}
			end = max(end, s.Offset+s.Size)
		}
	}
	if end != x.sections.Size() {
		return indexError("it is longer than it was written", nil)
	}
	return nil
}

// read returns a section's content and verifies it.
func (x *Index) read(s section) (sectionContent, error) {
	b := make([]byte, s.Size)
	if _, err := x.sections.ReadAt(b, s.Offset); err != nil {
		return sectionContent{}, indexError("reading a section", err)
	}
	content := newSectionContent(b)
	if content.sum != s.SHA256 {
		return sectionContent{}, indexError("a section has another sum", nil)
	}
	return content, nil
}

// writeIndex writes the index of the file that p made.
func writeIndex(w io.Writer, p *pipeline, sums []Sum) error {
	set, err := settingsOf(p.opts)
	if err != nil {
		return err
	}
	head := indexHead{Settings: set, File: nameBySums(sums)}
	var sections [][]byte
	var at int64
	add := func(c sectionContent) section {
		s := section{Offset: at, Size: int64(len(c.bytes)), SHA256: c.sum}
		sections = append(sections, c.bytes)
		at += s.Size
		return s
	}
	dead := deadLists(p)
	for i, l := range p.recorder.layers {
		head.Layers = append(head.Layers, indexLayer{
			ID: p.opts.LayerIDs[i], Region: p.out.regions[i], DeadBytes: dead[i].bytes, SkippedXattrs: l.skippedXattrs,
			Entries: add(l.entries), Blocks: add(l.blocks), Dead: add(newSectionContent(dead[i].encode())),
		})
	}
	encoded, err := json.Marshal(head)
	if err != nil {
		return fmt.Errorf("encoding the block index: %w", err)
	}
	b := binary.LittleEndian.AppendUint32([]byte(indexMagic), uint32(len(encoded)))
	b = append(b, encoded...)
	sum := sha256.Sum256(b)
	for _, part := range append([][]byte{append(b, sum[:]...)}, sections...) {
		if _, err := w.Write(part); err != nil {
			return fmt.Errorf("writing the block index: %w", err)
		}
	}
	return nil
}

// deadList is what of a layer's blocks was punched out: numbers of files with
// blocks and of fragment blocks, each counted from the layer's first.
type deadList struct {
	blobs, fragments []int
	bytes            int64
}

func deadLists(p *pipeline) []deadList {
	lists := make([]deadList, len(p.recorder.layers))
	var from layerCounts
	for i, l := range p.recorder.layers {
		for n, b := range p.blobs[from.blobs:l.end.blobs] {
			if !b.live && b.extent.stored > 0 { // a file of zeros has nothing to lose
				lists[i].blobs = append(lists[i].blobs, n)
				lists[i].bytes += b.extent.stored
			}
		}
		for n, f := range p.fragments[from.fragments:l.end.fragments] {
			if !f.live {
				lists[i].fragments = append(lists[i].fragments, n)
				lists[i].bytes += int64(f.word.Size())
			}
		}
		from = l.end
	}
	return lists
}

func (d deadList) encode() []byte {
	var b []byte
	for _, list := range [][]int{d.blobs, d.fragments} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, n := range list {
			b = binary.AppendUvarint(b, uint64(n))
		}
	}
	return slices.Clip(b)
}
