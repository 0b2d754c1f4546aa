package images

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// layer is a layer of which every property is set by hand, so that it can be
// anything, also what no builder makes.
type layer struct {
	digest, diffID v1.Hash
	sizeBytes      int64 // of the compressed bytes
	open           func() (io.ReadCloser, error)
}

var _ v1.Layer = (*layer)(nil)

func (l *layer) Digest() (v1.Hash, error)             { return l.digest, nil }
func (l *layer) DiffID() (v1.Hash, error)             { return l.diffID, nil }
func (l *layer) Size() (int64, error)                 { return l.sizeBytes, nil }
func (l *layer) Compressed() (io.ReadCloser, error)   { return l.open() }
func (l *layer) MediaType() (types.MediaType, error)  { return types.OCILayer, nil } // Compose says the real one
func (l *layer) Uncompressed() (io.ReadCloser, error) { return nil, errNotNeeded }

var errNotNeeded = errors.New("layers of this package are only ever copied as they are")

// NewLayer compresses a tar as the flavour says.
func NewLayer(f Flavour, tarBytes []byte) (v1.Layer, error) {
	var compressed bytes.Buffer
	if err := f.compress(&compressed, bytes.NewReader(tarBytes)); err != nil {
		return nil, err
	}
	return layerOf(compressed.Bytes(), tarBytes), nil
}

// layerOf is the layer with the given compressed bytes, whose diffID is that
// of tarBytes, whatever the two have to do with each other.
func layerOf(compressed, tarBytes []byte) *layer {
	return &layer{
		digest:    hashOf(compressed),
		diffID:    hashOf(tarBytes),
		sizeBytes: int64(len(compressed)),
		open:      func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(compressed)), nil },
	}
}

// compress copies a tar from r to w, compressed as the flavour's layers are.
func (f Flavour) compress(w io.Writer, r io.Reader) error {
	var encoder io.WriteCloser
	switch f {
	case OCITar:
		if _, err := io.Copy(w, r); err != nil {
			return fmt.Errorf("copying a layer: %w", err)
		}
		return nil
	case OCIZstd:
		zstdEncoder, err := zstd.NewWriter(w)
		if err != nil {
			return fmt.Errorf("starting zstd: %w", err)
		}
		encoder = zstdEncoder
	default:
		encoder = gzip.NewWriter(w)
	}
	if _, err := io.Copy(encoder, r); err != nil {
		return fmt.Errorf("compressing a layer: %w", err)
	}
	if err := encoder.Close(); err != nil {
		return fmt.Errorf("compressing a layer: %w", err)
	}
	return nil
}

func hashOf(data []byte) v1.Hash {
	sum := sha256.Sum256(data)
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
}
