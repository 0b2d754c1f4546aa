package writer

import (
	"encoding/binary"
	"fmt"

	"github.com/jrun-hpc/jrun/squash"
)

// metadataWriter builds a table of metadata blocks in memory: 8 KiB each before
// compression, behind a 16-bit header.
type metadataWriter struct {
	c       compressor
	pending []byte // less than squash.MetadataSize
	scratch []byte
	out     []byte  // finished blocks
	starts  []int64 // offset in out of each finished block
}

func newMetadataWriter(c compressor) *metadataWriter {
	return &metadataWriter{
		c:       c,
		pending: make([]byte, 0, squash.MetadataSize),
		scratch: make([]byte, compressBound(squash.MetadataSize)),
	}
}

// position names the place where the next byte goes.
func (m *metadataWriter) position() squash.InodeRef {
	return squash.NewInodeRef(uint64(len(m.out)), uint16(len(m.pending)))
}

func (m *metadataWriter) write(p []byte) error {
	for len(p) > 0 {
		n := min(len(p), squash.MetadataSize-len(m.pending))
		m.pending = append(m.pending, p[:n]...)
		p = p[n:]
		if len(m.pending) == squash.MetadataSize {
			if err := m.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush ends the block being filled, if it holds anything.
func (m *metadataWriter) flush() error {
	if len(m.pending) == 0 {
		return nil
	}
	content, err := m.c.compress(m.scratch, m.pending)
	if err != nil {
		return fmt.Errorf("compressing metadata: %w", err)
	}
	compressed := len(content) < len(m.pending)
	if !compressed {
		content = m.pending
	}
	m.starts = append(m.starts, int64(len(m.out)))
	m.out = binary.LittleEndian.AppendUint16(m.out, uint16(squash.NewMetadataHeader(len(content), compressed)))
	m.out = append(m.out, content...)
	m.pending = m.pending[:0]
	return nil
}
