package writer

import (
	"errors"
	"io"

	"github.com/jrun-hpc/jrun/squash"
)

// storeFile sends the size bytes of r on their way and returns the blob that
// will say where they stand. A stream that ends early is io.ErrUnexpectedEOF.
func (p *pipeline) storeFile(r io.Reader, size int64) (*blob, error) {
	switch {
	case size == 0:
		return nil, nil
	case size < int64(p.blockSize):
		return p.packer.add(r, int(size))
	default:
		return p.storeBlocks(r, size)
	}
}

// storeBlocks cuts a file of at least one block into blocks. A short last block
// stays with its file (see the package comment).
func (p *pipeline) storeBlocks(r io.Reader, size int64) (*blob, error) {
	file := &blob{large: true, number: p.largeBlobs}
	p.largeBlobs++
	for rest := size; rest > 0; {
		b, err := p.acquire()
		if err != nil {
			return nil, err
		}
		b.kind, b.blob = dataBlock, file
		b.raw = b.raw[:min(rest, int64(p.blockSize))]
		if err := readFull(r, b.raw); err != nil {
			p.free <- b
			return nil, err
		}
		rest -= int64(len(b.raw))
		b.last = rest == 0
		p.send(b)
	}
	return file, nil
}

// packer collects small files in fragment blocks. Duplicates are recognised
// before they take room, by their sums.
type packer struct {
	pipe *pipeline
	next *block // being filled; nil between two blocks
	id   uint32 // of next in the fragment table

	byContent      map[[SumSize]byte]*blob
	sum            [SumSize]byte // of the last file
	duplicates     int
	duplicateBytes int64
}

func (k *packer) init(p *pipeline) {
	k.pipe, k.byContent = p, make(map[[SumSize]byte]*blob)
}

// add reads a file of size bytes, fewer than a block, into the fragment block
// being filled, or into a new one where it does not fit.
func (k *packer) add(r io.Reader, size int) (*blob, error) {
	if k.next != nil && len(k.next.raw)+size > cap(k.next.raw) {
		if err := k.flush(); err != nil {
			return nil, err
		}
	}
	if k.next == nil {
		b, err := k.pipe.acquire()
		if err != nil {
			return nil, err
		}
		b.kind, k.next = fragmentBlock, b
	}
	offset := len(k.next.raw)
	content := k.next.raw[offset : offset+size]
	if err := readFull(r, content); err != nil {
		return nil, err
	}
	k.sum = contentSum(content)
	if earlier, ok := k.byContent[k.sum]; ok {
		k.duplicates++
		k.duplicateBytes += int64(size)
		return earlier, nil
	}
	k.next.raw = k.next.raw[:offset+size]
	stored := &blob{fragment: k.id, offset: uint32(offset), number: uint32(len(k.byContent))}
	k.byContent[k.sum] = stored
	return stored, nil
}

// flush sends the fragment block being filled, if it holds anything.
func (k *packer) flush() error {
	if k.next == nil || len(k.next.raw) == 0 {
		return nil
	}
	if k.id == squash.NoFragment-1 {
		return errors.New("too many fragment blocks for squashfs")
	}
	k.pipe.send(k.next)
	k.next = nil
	k.id++
	return nil
}

// readFull fills buf; a stream that ends before is io.ErrUnexpectedEOF.
func readFull(r io.Reader, buf []byte) error {
	_, err := io.ReadFull(r, buf)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
