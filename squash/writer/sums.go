package writer

import (
	"fmt"
	"hash/crc32"
	"io"

	"github.com/zeebo/blake3"

	"github.com/jrun-hpc/jrun/squash"
)

// SumChunk is how many bytes of the file each sum of Result.Sums is about.
const SumChunk = 4 << 20

// SumSize is the length of a BLAKE3 sum in bytes.
const SumSize = 32

// contentSum is what contents are told apart by. BLAKE3 is as hard to deceive as
// SHA-256 and several times as fast on processors without instructions for the
// latter, which many servers have; the digests of images remain SHA-256.
func contentSum(b []byte) [SumSize]byte { return blake3.Sum256(b) }

// Sum tells the bytes of one chunk apart.
type Sum struct {
	BLAKE3 [SumSize]byte
	CRC32C uint32 // costs a tenth; to verify what is re-used
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sumOf(b []byte) Sum { return Sum{BLAKE3: contentSum(b), CRC32C: crc32.Checksum(b, castagnoli)} }

// sums hashes the file as it is written, while its bytes are in the caches. What
// is changed later, dead data and the superblock, is hashed again at the end.
type sums struct {
	full []Sum          // of the chunks before the current one
	now  *blake3.Hasher // of the current chunk's bytes so far
	crc  uint32         // of the same
	at   int64          // bytes so far
}

func newSums() *sums { return &sums{now: blake3.New()} }

func (s *sums) write(p []byte) {
	for len(p) > 0 {
		n := min(len(p), SumChunk-int(s.at%SumChunk))
		_, _ = s.now.Write(p[:n]) // a hash never fails
		s.crc = crc32.Update(s.crc, castagnoli, p[:n])
		s.at += int64(n)
		p = p[n:]
		if s.at%SumChunk == 0 {
			s.full = append(s.full, s.current())
			s.now.Reset()
			s.crc = 0
		}
	}
}

func (s *sums) current() Sum { return Sum{BLAKE3: [SumSize]byte(s.now.Sum(nil)), CRC32C: s.crc} }

// adopt takes the sum of the current chunk, which is known already, whatever was
// written of it so far.
func (s *sums) adopt(sum Sum) {
	s.full = append(s.full, sum)
	s.now.Reset()
	s.crc = 0
	s.at += SumChunk - s.at%SumChunk
}

// sumMark is a state to come back to.
type sumMark struct {
	full int
	now  *blake3.Hasher
	crc  uint32
	at   int64
}

func (s *sums) mark() sumMark {
	return sumMark{full: len(s.full), now: s.now.Clone(), crc: s.crc, at: s.at}
}

// rewind forgets what was written since m, which is used up.
func (s *sums) rewind(m sumMark) { s.full, s.now, s.crc, s.at = s.full[:m.full], m.now, m.crc, m.at }

// finish returns the sums of a file of s.at bytes after hashing again the chunks
// with changed bytes.
func (s *sums) finish(file io.ReaderAt, changed []Region) ([]Sum, error) {
	all := s.full
	if s.at%SumChunk != 0 {
		all = append(all, s.current())
	}
	stale := make([]bool, len(all))
	for _, r := range append(changed, Region{0, squash.SuperblockSize}) {
		for i := r.Start / SumChunk; i*SumChunk < r.End; i++ {
			stale[i] = true
		}
	}
	buf := make([]byte, min(SumChunk, s.at))
	for i := range all {
		if !stale[i] {
			continue
		}
		start := int64(i) * SumChunk
		b := buf[:min(SumChunk, s.at-start)]
		if _, err := file.ReadAt(b, start); err != nil {
			return nil, fmt.Errorf("reading squashfs back: %w", err)
		}
		all[i] = sumOf(b)
	}
	return all, nil
}
