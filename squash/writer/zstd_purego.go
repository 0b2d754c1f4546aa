//go:build !cgo

package writer

import "github.com/klauspost/compress/zstd"

// CanonicalZstd is false: this binary was built without cgo, and its zstd
// blocks differ from those of the C library.
const CanonicalZstd = false

type zstdCompressor struct {
	level int
	enc   *zstd.Encoder
}

func newZstdCompressor(level int) compressor { return &zstdCompressor{level: level} }

func (c *zstdCompressor) compress(dst, src []byte) ([]byte, error) {
	if c.enc == nil {
		// A single segment has a window of its content's size, which the kernel accepts.
		enc, err := zstd.NewWriter(nil,
			zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(c.level)),
			zstd.WithEncoderConcurrency(1),
			zstd.WithEncoderCRC(false),
			zstd.WithSingleSegment(true))
		if err != nil {
			return nil, err
		}
		c.enc = enc
	}
	return c.enc.EncodeAll(src, dst[:0]), nil
}
