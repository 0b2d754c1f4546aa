//go:build !cgo

package gunzip

import (
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
)

// Reader decompresses a gzip stream. It is not safe for concurrent use.
type Reader struct{ z *gzip.Reader }

// NewReader returns a Reader of src. The first error that src returns, other
// than io.EOF, is returned by Read.
func NewReader(src io.Reader) (*Reader, error) {
	z, err := gzip.NewReader(src)
	if err != nil {
		return nil, translate(noEOF(err))
	}
	return &Reader{z}, nil
}

// Read returns decompressed bytes. It returns an error that wraps ErrCorrupt
// for anything that is not valid gzip, and io.ErrUnexpectedEOF for a stream
// that ends too early.
func (r *Reader) Read(p []byte) (int, error) {
	n, err := r.z.Read(p)
	return n, translate(err)
}

func translate(err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, gzip.ErrChecksum):
		return ErrChecksum
	case errors.Is(err, gzip.ErrHeader), errors.As(err, &corrupt):
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}
