package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
)

// MetaVersion is the version of the .json beside an object that this package
// writes. Readers accept this version only.
const MetaVersion = 1

// Meta is the .json beside an object: everything that is known of an image
// besides its files.
type Meta struct {
	Version   int             `json:"version"`
	Digest    digest.Digest   `json:"digest"`          // of the manifest
	Index     digest.Digest   `json:"index,omitempty"` // of the index it was chosen from
	Reference string          `json:"reference"`       // as asked for when it was converted
	Created   time.Time       `json:"created"`         // when it was converted
	Platform  Platform        `json:"platform"`
	Layers    []Layer         `json:"layers"`
	Converter Converter       `json:"converter"`
	SizeBytes int64           `json:"sizeBytes"` // of the .sqfs
	Sums      *Sums           `json:"sums,omitempty"`
	RawConfig json.RawMessage `json:"config"` // the image's config, every field of it

	// Config is RawConfig as the OCI image specification reads it; Docker's
	// configs have the same fields.
	Config imgspec.Image `json:"-"`
}

// Platform is what an image runs on, in Go's words (linux, amd64, v8).
type Platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant,omitempty"`
}

// String is the form that docker --platform takes: linux/arm64/v8.
func (p Platform) String() string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// Layer is one layer of the manifest, lowest first.
type Layer struct {
	Digest    digest.Digest `json:"digest"`    // of the bytes as transferred
	DiffID    digest.Digest `json:"diffID"`    // of the uncompressed tar
	SizeBytes int64         `json:"sizeBytes"` // as transferred
	MediaType string        `json:"mediaType"`
}

// Converter says what made the squashfs file. Equal digests with equal
// converters are equal files.
type Converter struct {
	Version     string `json:"version"`
	Compression string `json:"compression"`
	Level       int    `json:"level"`
	BlockSize   int    `json:"blockSize"` // bytes
}

// IsMeta reports whether b may be meant as metadata. JSON that names neither a
// version nor a digest is somebody's own; what is no JSON may be damaged metadata.
func IsMeta(b []byte) bool {
	if !json.Valid(b) {
		return true
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		return false // a list, a number
	}
	return fields["version"] != nil || fields["digest"] != nil
}

// ParseMeta reads the bytes of a .json file.
func ParseMeta(b []byte) (Meta, error) {
	var m Meta
	if err := json.Unmarshal(b, &m); err != nil {
		return Meta{}, fmt.Errorf("decoding image metadata: %w", err)
	}
	if m.Version != MetaVersion {
		return Meta{}, fmt.Errorf("image metadata has version %d, this jrun reads version %d", m.Version, MetaVersion)
	}
	if err := m.Digest.Validate(); err != nil {
		return Meta{}, fmt.Errorf("image metadata names the digest %q: %w", m.Digest, err)
	}
	if len(m.RawConfig) > 0 {
		if err := json.Unmarshal(m.RawConfig, &m.Config); err != nil {
			return Meta{}, fmt.Errorf("decoding image config: %w", err)
		}
	}
	return m, nil
}

// encode is the inverse of ParseMeta.
func (m Meta) encode() ([]byte, error) {
	m.Version = MetaVersion
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding metadata of %s: %w", m.Digest, err)
	}
	return append(b, '\n'), nil
}
