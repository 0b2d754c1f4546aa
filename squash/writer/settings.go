package writer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// formatVersion changes whenever the data area of the same layers and options
// does, or the index.
const formatVersion = 1

// settings is everything besides the layers that decides the data area's bytes.
type settings struct {
	Format       int    `json:"format"`
	BlockSize    int    `json:"blockSize"` // bytes
	Compression  string `json:"compression"`
	Level        int    `json:"level"`
	Uncompressed bool   `json:"uncompressed,omitempty"`

	// Compressor is a sum of what the compressor makes of a sample, since another
	// version of a library may make other bytes.
	Compressor string `json:"compressor"`
}

// sampleSize is enough for a compressor to show its ways, bytes.
const sampleSize = 64 << 10

func settingsOf(opts Options) (settings, error) {
	sample := make([]byte, 0, sampleSize)
	for i := uint32(1); len(sample) < sampleSize; i = i*1664525 + 1013904223 {
		// Words of a small vocabulary and now and then a number: it compresses
		// with matches of all distances and with literals.
		sample = fmt.Appendf(sample, "/usr/lib/%x ", i>>26)
		if i>>28 == 0 {
			sample = fmt.Append(sample, i)
		}
	}
	c := newCompressor(opts)
	out, err := c.compress(make([]byte, compressBound(sampleSize)), sample[:sampleSize])
	if err != nil {
		return settings{}, fmt.Errorf("compressing a sample: %w", err)
	}
	sum := sha256.Sum256(out)
	return settings{
		Format: formatVersion, BlockSize: opts.BlockSize, Compression: opts.Compression.String(), Level: opts.Level,
		Uncompressed: opts.Uncompressed, Compressor: hex.EncodeToString(sum[:8]),
	}, nil
}
