package image

import (
	"bytes"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	ggcrtypes "github.com/google/go-containerregistry/pkg/v1/types"
)

// rawManifest is a manifest that ggcr can push.
type rawManifest struct {
	raw       []byte
	mediaType string
}

func (m rawManifest) RawManifest() ([]byte, error) { return m.raw, nil }
func (m rawManifest) MediaType() (ggcrtypes.MediaType, error) {
	return ggcrtypes.MediaType(m.mediaType), nil
}
func (m rawManifest) Digest() (v1.Hash, error) {
	h, _, err := v1.SHA256(bytes.NewReader(m.raw))
	return h, err
}
func (m rawManifest) Size() (int64, error) { return int64(len(m.raw)), nil }

func (h *harborTarget) ref(path string) Reference { return mustParse(h, h.base.Host+"/"+path) }

// push pushes an image as the administrator.
func (h *harborTarget) push(repository, tag string, img testImage) Reference {
	h.Helper()
	h.check(h.tryPush(repository, tag, img))
	if h.fake != nil {
		h.fake.TakeRequests()
	}
	return h.ref(repository + ":" + tag)
}

func (h *harborTarget) tryPush(repository, tag string, img testImage) error {
	var options []name.Option
	if h.base.Scheme == "http" {
		options = append(options, name.Insecure)
	}
	ref := must(name.NewTag(h.base.Host+"/"+repository+":"+tag, options...))
	auth := remote.WithAuth(&authn.Basic{Username: h.adminName, Password: h.adminPassword})
	for _, blob := range img.blobs() {
		if err := remote.WriteLayer(ref.Context(), static.NewLayer(blob, ggcrtypes.OCILayer), auth, remote.WithContext(h.Context())); err != nil {
			return err
		}
	}
	return remote.Put(ref, rawManifest{img.manifest(), img.manifestType()}, auth, remote.WithContext(h.Context()))
}
