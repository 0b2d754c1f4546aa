package writer

import (
	"encoding/binary"
	"fmt"

	"github.com/zeebo/blake3"
)

// writeInOrder is the body of the ordered writer: it takes blocks in the order
// in which they were sent, each when its compressor is done. After a failure it
// only empties the queue, so that nobody waits for it.
func (p *pipeline) writeInOrder() {
	file := fileInProgress{hash: blake3.New()}
	for b := range p.order {
		<-b.done
		if p.ctx.Err() == nil {
			if err := p.place(b, &file); err != nil {
				p.cancel(err)
			}
		}
		p.free <- b
	}
}

// place writes one block where the output stands.
func (p *pipeline) place(b *block, file *fileInProgress) error {
	if b.err != nil {
		return fmt.Errorf("compressing a block: %w", b.err)
	}
	switch b.kind {
	case dataBlock:
		if file.blob != b.blob {
			file.begin(b.blob, p.out)
		}
		if err := p.out.write(b.out); err != nil {
			return err
		}
		file.add(b)
		if b.last {
			return p.endFile(file)
		}
	case fragmentBlock:
		return p.placeFragment(fragment{start: p.out.position, word: b.word}, b.out)
	case layerEnd:
		return p.endRegion()
	}
	return nil
}

func (p *pipeline) placeFragment(f fragment, content []byte) error {
	p.fragments = append(p.fragments, f)
	if p.recorder != nil {
		if err := p.recorder.fragment(f); err != nil {
			return err
		}
	}
	return p.out.write(content)
}

func (p *pipeline) endRegion() error {
	layer := len(p.out.regions)
	if err := p.out.endRegion(); err != nil || p.recorder == nil {
		return err
	}
	return p.recorder.endBlocks(layer, layerCounts{blobs: len(p.blobs), fragments: len(p.fragments)})
}

// endFile keeps the blocks just written, unless the same content is already
// stored: then the output goes back to where the file began. Nothing else was
// written since, because the scan sends a file's blocks without a gap.
func (p *pipeline) endFile(file *fileInProgress) error {
	blob := file.blob
	blocks := blob.extent
	blocks.stored = p.out.position - blocks.start
	sum := file.sum()
	if earlier, ok := p.byContent[sum]; ok {
		p.out.rewind(blocks.start, file.before)
		p.duplicates++
		p.duplicateBytes += file.size
		blob.same, blob.extent = earlier, nil
	} else {
		p.byContent[sum] = blob
		p.blobs = append(p.blobs, blob)
	}
	if p.recorder == nil {
		return nil
	}
	return p.recorder.file(blob, sum)
}

// fileInProgress follows the blocks of one file through the ordered writer.
type fileInProgress struct {
	blob   *blob
	size   int64 // bytes so far, before compression
	hash   *blake3.Hasher
	before sumMark // of the output
}

func (f *fileInProgress) begin(b *blob, out *output) {
	f.blob, f.size = b, 0
	f.hash.Reset()
	b.extent = &extent{start: out.position}
	f.before = out.sums.mark()
}

func (f *fileInProgress) add(b *block) {
	f.size += int64(len(b.raw))
	blocks := f.blob.extent
	blocks.words = append(blocks.words, b.word)
	if b.word == 0 {
		blocks.sparse += int64(len(b.raw))
	}
	var word [4]byte
	binary.LittleEndian.PutUint32(word[:], uint32(b.word))
	_, _ = f.hash.Write(word[:]) // a hash never fails
	_, _ = f.hash.Write(b.sum[:])
}

// sum identifies the content: the size and the sums of all blocks.
func (f *fileInProgress) sum() (sum [SumSize]byte) {
	_, _ = f.hash.Write(binary.LittleEndian.AppendUint64(nil, uint64(f.size)))
	f.hash.Sum(sum[:0])
	return sum
}
