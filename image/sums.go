package image

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/squash/writer"
)

// packSums turns the writer's sums into what the store keeps.
func packSums(sums []writer.Sum) *store.Sums {
	packed := &store.Sums{ChunkBytes: writer.SumChunk}
	for _, s := range sums {
		packed.BLAKE3 = append(packed.BLAKE3, s.BLAKE3[:]...)
		packed.CRC32C = binary.LittleEndian.AppendUint32(packed.CRC32C, s.CRC32C)
	}
	return packed
}

// unpackSums is the inverse; nil for sums of another make.
func unpackSums(packed *store.Sums) []writer.Sum {
	if packed == nil || packed.ChunkBytes != writer.SumChunk {
		return nil
	}
	n := len(packed.BLAKE3) / writer.SumSize
	if len(packed.BLAKE3) != n*writer.SumSize || len(packed.CRC32C) != n*crc32.Size {
		return nil
	}
	sums := make([]writer.Sum, n)
	for i := range sums {
		sums[i] = writer.Sum{
			BLAKE3: [writer.SumSize]byte(packed.BLAKE3[i*writer.SumSize:]),
			CRC32C: binary.LittleEndian.Uint32(packed.CRC32C[i*crc32.Size:]),
		}
	}
	return sums
}
