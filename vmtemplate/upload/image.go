package upload

import (
	"io"

	"github.com/opencontainers/go-digest"
)

// Image is what goes up.
type Image struct {
	Config []byte  // JSON of OCI's or Docker's configuration
	Layers []Layer // the lowest first, as the configuration's diff_ids
}

// Layer is one tar of an image.
type Layer interface {
	// DiffID is the digest of the tar.
	DiffID() digest.Digest
	// Known is how a registry calls it; the zero value if that is not known.
	Known() Known
	// Open reads the tar. It may be opened several times.
	Open() (io.ReadCloser, error)
}

// Known is a layer as a registry has it, compressed.
type Known struct {
	Digest    digest.Digest
	Size      int64
	MediaType string // OCI's or Docker's
	// Repositories are where it was pulled from: HOST/PROJECT/NAME.
	Repositories []string
}
