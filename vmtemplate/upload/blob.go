package upload

import (
	"bytes"
	"io"
	"os"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// blob is something that a registry keeps by its digest.
type blob struct {
	digest    digest.Digest
	size      int64
	mediaType string

	// What there is to send: bytes, or a file of the cache. Neither, when the
	// registry has it.
	// The file is held open: another push may remove its name when it has arrived.
	bytes []byte
	file  *os.File
	// diffID of a layer, for finding it in the cache.
	diffID digest.Digest
	// origins are repositories of the registry that may have it, without the host.
	origins []string

	there bool // in the target
}

func configBlob(config []byte) *blob {
	return &blob{digest: digest.FromBytes(config), size: int64(len(config)), mediaType: v1.MediaTypeImageConfig, bytes: config}
}

func (b *blob) descriptor() v1.Descriptor {
	return v1.Descriptor{MediaType: b.mediaType, Digest: b.digest, Size: b.size}
}

// section reads length bytes from offset on.
func (b *blob) section(offset, length int64) io.ReadCloser {
	var from io.ReaderAt = bytes.NewReader(b.bytes)
	if b.file != nil {
		from = b.file
	}
	return io.NopCloser(io.NewSectionReader(from, offset, length))
}

func (b *blob) close() {
	if b != nil && b.file != nil {
		b.file.Close()
	}
}
