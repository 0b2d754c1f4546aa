package writer

import (
	"bufio"
	"encoding/binary"
	"math"
)

// sectionBuffer holds the longest thing in a section, bytes.
const sectionBuffer = maxXattrValue

// smallWindow is more than a section was compressed with, bytes.
const smallWindow = 8 << 20

// sectionReader decodes what sectionWriter encoded. Its error is sticky.
type sectionReader struct {
	r   *bufio.Reader
	err error
}

func (s *sectionReader) fail(err error) {
	if s.err == nil && err != nil {
		s.err = err
	}
}

func (s *sectionReader) byte() byte {
	b, err := s.r.ReadByte()
	s.fail(err)
	return b
}

// uint fails for numbers above limit, and then returns 0.
func (s *sectionReader) uint(limit uint64) uint64 {
	if s.err != nil {
		return 0
	}
	b, err := s.r.Peek(binary.MaxVarintLen64)
	v, n := binary.Uvarint(b)
	switch {
	case n == 0 && err != nil: // it goes on, and there is nothing
	case n <= 0 || v > limit:
		err = errRecord
	default:
		_, _ = s.r.Discard(n) // it was there to be seen
		return v
	}
	s.fail(err)
	return 0
}

// position is a file offset within a region.
func (s *sectionReader) position(in Region) int64 {
	at := int64(s.uint(math.MaxInt64))
	if s.err == nil && (at < in.Start || at > in.End) {
		s.fail(errRecord)
	}
	return at
}

// next is n bytes, which the next call overwrites: no more than sectionBuffer.
func (s *sectionReader) next(n uint64) []byte {
	if s.err != nil {
		return nil
	}
	b, err := s.r.Peek(int(n))
	if err != nil {
		s.fail(err)
		return nil
	}
	_, _ = s.r.Discard(len(b)) // it was there to be seen
	return b
}

func (s *sectionReader) sum() (sum [SumSize]byte) {
	copy(sum[:], s.next(SumSize))
	return sum
}

func (s *sectionReader) string(limit int) string { return string(s.next(s.uint(uint64(limit)))) }
