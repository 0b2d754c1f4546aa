package squash

import "fmt"

// Compression is the compressor's number in the superblock.
type Compression uint16

// Compressors of squashfs 4.0. Lzma and lzo are named for messages only.
const (
	Gzip Compression = 1 // zlib streams (RFC 1950)
	Lzma Compression = 2
	Lzo  Compression = 3
	Xz   Compression = 4
	Lz4  Compression = 5
	Zstd Compression = 6
)

func (c Compression) String() string {
	names := [...]string{"", "gzip", "lzma", "lzo", "xz", "lz4", "zstd"}
	if int(c) < len(names) && c != 0 {
		return names[c]
	}
	return fmt.Sprintf("compressor %d", uint16(c))
}

// SizeWord is the 32-bit size of a data block or fragment as stored on disk:
// the low 24 bits are the bytes on disk, bit 24 says "not compressed", and 0
// is a block of zeros that takes no room.
type SizeWord uint32

const uncompressedData = 1 << 24

// NewSizeWord builds the word for size bytes on disk.
func NewSizeWord(size int, compressed bool) SizeWord {
	w := SizeWord(size)
	if !compressed {
		w |= uncompressedData
	}
	return w
}

// Size is the number of bytes on disk.
func (w SizeWord) Size() int { return int(w &^ uncompressedData) }

// Compressed reports whether the bytes on disk need decompressing.
func (w SizeWord) Compressed() bool { return w&uncompressedData == 0 }

// MetadataHeader is the 16-bit word before a metadata block: the low 15 bits
// are the bytes that follow, bit 15 says "not compressed".
type MetadataHeader uint16

const uncompressedMetadata = 1 << 15

// NewMetadataHeader builds the header for size bytes on disk.
func NewMetadataHeader(size int, compressed bool) MetadataHeader {
	h := MetadataHeader(size)
	if !compressed {
		h |= uncompressedMetadata
	}
	return h
}

// Size is the number of bytes that follow the header.
func (h MetadataHeader) Size() int { return int(h &^ uncompressedMetadata) }

// Compressed reports whether the bytes that follow need decompressing.
func (h MetadataHeader) Compressed() bool { return h&uncompressedMetadata == 0 }
