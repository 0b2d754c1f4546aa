package reader

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zlib"
	"github.com/pierrec/lz4/v4"

	"github.com/jrun-hpc/jrun/squash"
)

// codec undoes one compressor. Safe for concurrent use.
type codec interface {
	// decompress writes the whole of packed into dst and returns the length.
	// More than len(dst) bytes is an error. What lies between dst's length and
	// its capacity may be overwritten; slack bytes there make it faster.
	// Errors wrap squash.ErrCorrupt or squash.ErrUnsupported.
	decompress(dst, packed []byte) (int, error)
}

func newCodec(c squash.Compression, blockSize int) (codec, error) {
	switch c {
	case squash.Gzip:
		return &zlibCodec{}, nil
	case squash.Zstd:
		return newZstdCodec(blockSize), nil
	case squash.Lz4:
		return lz4Codec{}, nil
	case squash.Xz:
		return xzCodec{maxDict: max(blockSize, squash.MetadataSize)}, nil
	}
	return nil, fmt.Errorf("%w: compressor %s", squash.ErrUnsupported, c)
}

type zlibCodec struct{ pool sync.Pool }

// zlibState is a zlib reader and the source it reads from.
type zlibState struct {
	src bytes.Reader
	dec io.ReadCloser
}

func (z *zlibCodec) decompress(dst, packed []byte) (int, error) {
	s, _ := z.pool.Get().(*zlibState)
	if s == nil {
		s = &zlibState{}
	}
	defer z.pool.Put(s)
	s.src.Reset(packed)
	var err error
	if s.dec == nil {
		s.dec, err = zlib.NewReader(&s.src)
	} else {
		err = s.dec.(zlib.Resetter).Reset(&s.src, nil)
	}
	if err != nil {
		return 0, corrupt("zlib: %v", err)
	}
	return readAllInto(dst, s.dec, "zlib")
}

// readAllInto reads r to its end, which must come within len(dst) bytes. The
// end must be seen, because only there is the stream's checksum verified.
func readAllInto(dst []byte, r io.Reader, name string) (int, error) {
	n, idle := 0, 0
	var beyond [1]byte
	for {
		p := dst[n:]
		if len(p) == 0 {
			p = beyond[:]
		}
		m, err := r.Read(p)
		if m > 0 && n == len(dst) {
			return 0, corrupt("%s: more than %d bytes", name, len(dst))
		}
		n += m
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if m == 0 {
			idle++
		}
		if err == nil && idle > maxIdleReads {
			err = io.ErrNoProgress
		}
		if err != nil {
			return 0, corrupt("%s: %v", name, err)
		}
	}
}

// maxIdleReads is how often a decompressor may return nothing and no error.
const maxIdleReads = 100

type lz4Codec struct{}

func (lz4Codec) decompress(dst, packed []byte) (int, error) {
	n, err := lz4.UncompressBlock(packed, dst)
	if err != nil {
		return 0, corrupt("lz4: %v", err)
	}
	return n, nil
}
