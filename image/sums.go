package image

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"

	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/squash/writer"
)

// packSums turns the writer's sums into what the store keeps.
func packSums(sums []writer.Sum) *store.Sums {
	packed := &store.Sums{ChunkBytes: writer.SumChunk}
	for _, s := range sums {
		packed.SHA256 = append(packed.SHA256, s.SHA256[:]...)
		packed.CRC32C = binary.LittleEndian.AppendUint32(packed.CRC32C, s.CRC32C)
	}
	return packed
}

// unpackSums is the inverse; nil for sums of another make.
func unpackSums(packed *store.Sums) []writer.Sum {
	if packed == nil || packed.ChunkBytes != writer.SumChunk {
		return nil
	}
	n := len(packed.SHA256) / sha256.Size
	if len(packed.SHA256) != n*sha256.Size || len(packed.CRC32C) != n*crc32.Size {
		return nil
	}
	sums := make([]writer.Sum, n)
	for i := range sums {
		sums[i] = writer.Sum{
			SHA256: [sha256.Size]byte(packed.SHA256[i*sha256.Size:]),
			CRC32C: binary.LittleEndian.Uint32(packed.CRC32C[i*crc32.Size:]),
		}
	}
	return sums
}
