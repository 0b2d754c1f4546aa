package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/zeebo/blake3"
)

// sumSize is the length of a BLAKE3 sum in bytes.
const sumSize = 32

// Sums are sums of an object's squashfs file, taken while it was written, one of
// each kind for every chunk.
type Sums struct {
	ChunkBytes int64  `json:"chunkBytes"` // the last chunk may have fewer
	BLAKE3     []byte `json:"blake3"`     // one after the other, 32 bytes each
	CRC32C     []byte `json:"crc32c"`     // Castagnoli, little-endian, 4 bytes each
}

// complete reports whether there is a sum for every byte of a file.
func (s *Sums) complete(sizeBytes int64) bool {
	const most = 64 << 20 // bytes held at a time by Verify
	return s != nil && s.ChunkBytes > 0 && s.ChunkBytes <= most &&
		int64(len(s.BLAKE3)) == (sizeBytes+s.ChunkBytes-1)/s.ChunkBytes*sumSize
}

// ErrNoSums says that nothing was recorded that an object could be compared with.
var ErrNoSums = errors.New("it was made without sums to compare with")

// DamageError says which bytes of an object are not those that were written.
type DamageError struct {
	Path       string
	Start, End int64 // a range that contains them, in bytes
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s is damaged between bytes %d and %d", e.Path, e.Start, e.End)
}

// Verify reads a whole object and compares it with the sums that were taken
// when it was written, so that any flipped bit is found. The error is a
// *DamageError for the first chunk that differs, or wraps ErrNoSums. progress,
// unless it is nil, is told how many bytes were read. What the page cache holds
// is not read from the disk again.
func Verify(ctx context.Context, o Object, progress func(doneBytes, allBytes int64)) error {
	size := o.Meta.SizeBytes
	if !o.Meta.Sums.complete(size) {
		return fmt.Errorf("verifying %s: %w", o.Path, ErrNoSums)
	}
	f, err := os.Open(o.Path)
	if err != nil {
		return fmt.Errorf("verifying: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	buf := make([]byte, min(o.Meta.Sums.ChunkBytes, size))
	at := int64(0)
	for sums := o.Meta.Sums.BLAKE3; len(sums) > 0; sums = sums[sumSize:] {
		if ctx.Err() != nil {
			return fmt.Errorf("verifying %s: %w", o.Path, context.Cause(ctx))
		}
		b := buf[:min(int64(len(buf)), size-at)]
		_, err := io.ReadFull(f, b)
		short := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !short {
			return fmt.Errorf("verifying: %w", err)
		}
		if short || blake3.Sum256(b) != [sumSize]byte(sums) {
			return &DamageError{Path: o.Path, Start: at, End: at + int64(len(b))}
		}
		if at += int64(len(b)); progress != nil {
			progress(at, size)
		}
	}
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("verifying: %w", err)
	}
	if info.Size() != size {
		return &DamageError{Path: o.Path, Start: size, End: info.Size()}
	}
	return nil
}
