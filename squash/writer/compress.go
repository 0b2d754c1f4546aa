package writer

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/zlib"
	"github.com/pierrec/lz4/v4"

	"github.com/jrun-hpc/jrun/squash"
)

// A compressor is used by one goroutine. It appends nothing: the result lies
// in dst's memory when that is large enough, and is as long as src or longer
// where src does not compress.
type compressor interface {
	compress(dst, src []byte) ([]byte, error)
}

func defaultLevel(c squash.Compression) int {
	switch c {
	case squash.Zstd:
		return DefaultZstdLevel
	case squash.Gzip:
		return 6
	default:
		return 0
	}
}

func checkCompression(c squash.Compression, level int) error {
	switch {
	case c == squash.Zstd && (level < 1 || level > 22):
		return fmt.Errorf("zstd level %d is not within 1 to 22", level)
	case c == squash.Gzip && (level < 1 || level > 9):
		return fmt.Errorf("gzip level %d is not within 1 to 9", level)
	case c != squash.Zstd && c != squash.Gzip && c != squash.Lz4:
		return fmt.Errorf("%w: writing %v", squash.ErrUnsupported, c)
	}
	return nil
}

func newCompressor(opts Options) compressor {
	switch {
	case opts.Uncompressed:
		return storer{}
	case opts.Compression == squash.Gzip:
		return &gzipCompressor{level: opts.Level}
	case opts.Compression == squash.Lz4:
		return &lz4Compressor{}
	default:
		return newZstdCompressor(opts.Level)
	}
}

// compressBound is how much room a compressor may ask for n bytes: zstd's
// ZSTD_COMPRESSBOUND, which is the largest of the three.
func compressBound(n int) int { return n + n>>8 + 512 }

// storer compresses nothing, so that every block is stored as it is.
type storer struct{}

func (storer) compress(_, src []byte) ([]byte, error) { return src, nil }

type gzipCompressor struct {
	level int
	buf   bytes.Buffer
	z     *zlib.Writer
}

func (c *gzipCompressor) compress(dst, src []byte) ([]byte, error) {
	c.buf.Reset()
	if c.z == nil {
		z, err := zlib.NewWriterLevel(&c.buf, c.level)
		if err != nil {
			return nil, err
		}
		c.z = z
	} else {
		c.z.Reset(&c.buf)
	}
	if _, err := c.z.Write(src); err != nil {
		return nil, err
	}
	if err := c.z.Close(); err != nil {
		return nil, err
	}
	return append(dst[:0], c.buf.Bytes()...), nil
}

type lz4Compressor struct{ c lz4.Compressor }

func (c *lz4Compressor) compress(dst, src []byte) ([]byte, error) {
	if bound := lz4.CompressBlockBound(len(src)); cap(dst) < bound {
		dst = make([]byte, bound)
	}
	n, err := c.c.CompressBlock(src, dst[:cap(dst)])
	if err != nil {
		return nil, err
	}
	if n == 0 { // does not compress
		return src, nil
	}
	return dst[:n], nil
}

// compressorOptions is the content of the metadata block behind the superblock,
// as squashfs-tools writes it: lz4 cannot be read without it, zstd's and gzip's
// tell people the level. Nil means that the defaults of squashfs-tools hold.
func compressorOptions(opts Options) []byte {
	le := binary.LittleEndian
	switch opts.Compression {
	case squash.Lz4:
		return le.AppendUint32(le.AppendUint32(nil, 1), 0) // version 1, no flags
	case squash.Zstd:
		const toolsDefault = 15
		if opts.Level != toolsDefault {
			return le.AppendUint32(nil, uint32(opts.Level))
		}
	case squash.Gzip:
		const toolsDefault = 9
		if opts.Level != toolsDefault {
			b := le.AppendUint32(nil, uint32(opts.Level))
			b = le.AppendUint16(b, 15)   // window, log2 of bytes
			return le.AppendUint16(b, 1) // strategies: the default one
		}
	}
	return nil
}
