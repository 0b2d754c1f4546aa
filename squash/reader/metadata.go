package reader

import (
	"encoding/binary"
	"fmt"

	"github.com/jrun-hpc/jrun/squash"
)

// metaBlock is a decompressed metadata block. It is immutable once published.
type metaBlock struct {
	data []byte // 1 to squash.MetadataSize bytes
	next uint64 // absolute offset of the block behind this one
}

// metaBlock returns the metadata block whose header is at off, which must lie
// in a region that ends at end.
func (r *Reader) metaBlock(off, end uint64) (*metaBlock, error) {
	if b := r.meta.get(off); b != nil {
		if b.next > end {
			return nil, corrupt("metadata block at %d runs past its table", off)
		}
		return b, nil
	}
	b, err := r.readMetaBlock(off, end)
	if err != nil {
		return nil, fmt.Errorf("reading metadata block at %d: %w", off, err)
	}
	return r.meta.add(off, b), nil
}

func (r *Reader) readMetaBlock(off, end uint64) (*metaBlock, error) {
	if end > r.sb.BytesUsed || off >= end || end-off < 3 {
		return nil, corrupt("no room for a metadata block before %d", end)
	}
	scratch := r.scratch.Get().(*[]byte)
	defer r.scratch.Put(scratch)
	// One read fetches the header and as much as may follow it.
	raw := (*scratch)[:min(end-off, squash.MetadataSize+2)]
	if err := readFull(r.src, raw, off); err != nil {
		return nil, err
	}
	header := squash.MetadataHeader(binary.LittleEndian.Uint16(raw))
	size := header.Size()
	if size == 0 || size > squash.MetadataSize || size > len(raw)-2 {
		return nil, corrupt("metadata block of %d bytes", size)
	}
	packed := raw[2 : 2+size]
	b := &metaBlock{next: off + 2 + uint64(size)}
	if !header.Compressed() {
		b.data = append([]byte(nil), packed...)
		return b, nil
	}
	data := make([]byte, squash.MetadataSize, squash.MetadataSize+slack)
	n, err := r.pack.decompress(data, packed)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, corrupt("metadata block decompresses to nothing")
	}
	b.data = data[:n]
	if n <= squash.MetadataSize/2 {
		b.data = append([]byte(nil), b.data...)
	}
	return b, nil
}

// cursor reads a stream of bytes across metadata blocks.
type cursor struct {
	r     *Reader
	table span
	off   uint64 // absolute offset of the current block
	pos   int    // position inside it
	block *metaBlock
}

// metaPos remembers where a cursor stood.
type metaPos struct {
	off uint64
	pos int
}

// cursorAt starts at a reference, whose block is relative to the table's start.
func (r *Reader) cursorAt(table span, ref squash.InodeRef) (cursor, error) {
	if ref.Block() >= table.end-table.start {
		return cursor{}, corrupt("reference %#x points behind its table", uint64(ref))
	}
	return cursor{r: r, table: table, off: table.start + ref.Block(), pos: ref.Offset()}, nil
}

func (r *Reader) cursorFrom(table span, p metaPos) cursor {
	return cursor{r: r, table: table, off: p.off, pos: p.pos}
}

func (c *cursor) position() metaPos { return metaPos{c.off, c.pos} }

// fill makes c.block the block that holds the next byte.
func (c *cursor) fill() error {
	for {
		if c.block == nil {
			b, err := c.r.metaBlock(c.off, c.table.end)
			if err != nil {
				return err
			}
			if c.pos > len(b.data) {
				return corrupt("offset %d in a metadata block of %d bytes", c.pos, len(b.data))
			}
			c.block = b
		}
		if c.pos < len(c.block.data) {
			return nil
		}
		c.off, c.pos, c.block = c.block.next, 0, nil
	}
}

// next returns the next n bytes: a view of the block when they lie in one,
// else a copy in buf, which must have room for n. The view must not be changed.
func (c *cursor) next(n int, buf []byte) ([]byte, error) {
	if err := c.fill(); err != nil {
		return nil, err
	}
	if rest := c.block.data[c.pos:]; len(rest) >= n {
		c.pos += n
		return rest[:n], nil
	}
	buf = buf[:n]
	return buf, c.read(buf)
}

// read fills p.
func (c *cursor) read(p []byte) error {
	for len(p) > 0 {
		if err := c.fill(); err != nil {
			return err
		}
		n := copy(p, c.block.data[c.pos:])
		c.pos += n
		p = p[n:]
	}
	return nil
}

// skip moves n bytes on.
func (c *cursor) skip(n int64) error {
	for n > 0 {
		if err := c.fill(); err != nil {
			return err
		}
		step := min(n, int64(len(c.block.data)-c.pos))
		c.pos += int(step)
		n -= step
	}
	return nil
}
