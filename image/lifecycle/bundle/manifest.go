package bundle

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Bounds of what one must believe of a manifest.
const (
	mostManifestBytes = 4 << 20 // as registries and image/v5 have it
	mostDepth         = 8       // of indexes in indexes
)

// Docker's media types for what OCI calls by other names.
const (
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
)

// errKind is for manifests that name nothing that could be copied.
var errKind = errors.New("it is no manifest of a kind that has digests for all its parts")

// manifest is what a manifest or an index of any kind refers to.
type manifest struct {
	mediaType    string // what it says itself; may be empty
	artifactType string
	config       *imgspec.Descriptor
	blobs        []imgspec.Descriptor // config and layers
	manifests    []imgspec.Descriptor // of an index
	subject      *imgspec.Descriptor
	annotations  map[string]string
}

// parseManifest reads image manifests and indexes of OCI and Docker (schema 2), and
// artifact manifests of OCI 1.1's drafts. What it does not support is Docker's schema
// 1, whose digest is not that of its bytes, and which Harbor takes no more.
func parseManifest(raw []byte) (manifest, error) {
	var m struct {
		MediaType    string               `json:"mediaType"`
		ArtifactType string               `json:"artifactType"`
		Config       *imgspec.Descriptor  `json:"config"`
		Layers       []imgspec.Descriptor `json:"layers"`
		Blobs        []imgspec.Descriptor `json:"blobs"` // application/vnd.oci.artifact.manifest.v1+json
		Manifests    []imgspec.Descriptor `json:"manifests"`
		Subject      *imgspec.Descriptor  `json:"subject"`
		Annotations  map[string]string    `json:"annotations"`
	}
	if len(raw) > mostManifestBytes {
		return manifest{}, fmt.Errorf("it has %d bytes, more than %d", len(raw), mostManifestBytes)
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return manifest{}, fmt.Errorf("decoding it: %w", err)
	}
	if m.Config == nil && m.Layers == nil && m.Blobs == nil && m.Manifests == nil {
		return manifest{}, errKind
	}
	out := manifest{mediaType: m.MediaType, artifactType: m.ArtifactType, config: m.Config, manifests: m.Manifests, subject: m.Subject, annotations: m.Annotations}
	if m.Config != nil {
		out.blobs = append(out.blobs, *m.Config)
		if out.artifactType == "" && m.Config.MediaType != imgspec.MediaTypeImageConfig {
			out.artifactType = m.Config.MediaType
		}
	}
	out.blobs = append(append(out.blobs, m.Layers...), m.Blobs...)
	for _, list := range [][]imgspec.Descriptor{out.blobs, out.manifests} {
		for _, d := range list {
			if err := checkDigest(d.Digest); err != nil {
				return manifest{}, err
			}
			if d.Size < 0 {
				return manifest{}, fmt.Errorf("the size of %s is %d", d.Digest, d.Size)
			}
		}
	}
	return out, nil
}

// mediaTypeOf is what a manifest is: what it says itself, or else what whoever named
// it has said, or else what it looks like.
func (m manifest) mediaTypeOf(said string) string {
	switch {
	case m.mediaType != "":
		return m.mediaType
	case said != "":
		return said
	case m.manifests != nil:
		return imgspec.MediaTypeImageIndex
	}
	return imgspec.MediaTypeImageManifest
}

// isIndex reports whether a media type is of a list of manifests.
func isIndex(mediaType string) bool {
	return mediaType == imgspec.MediaTypeImageIndex || mediaType == dockerList
}

// DigestError says that bytes are not those that were asked for.
type DigestError struct {
	Want, Got digest.Digest
}

func (e *DigestError) Error() string {
	return fmt.Sprintf("the bytes have the digest %s, not %s", e.Got, e.Want)
}

// SizeError says that something is shorter or longer than what was asked for.
type SizeError struct {
	WantBytes, GotBytes int64
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("it has %d bytes, not %d", e.GotBytes, e.WantBytes)
}

// checkBytes compares raw with its digest.
func checkBytes(d digest.Digest, raw []byte) error {
	if got := d.Algorithm().FromBytes(raw); got != d {
		return &DigestError{Want: d, Got: got}
	}
	return nil
}
