package workspace

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/storage"
)

// Kept is an image of the store.
type Kept struct {
	ID      string // of its configuration
	Names   []string
	Created time.Time
	Bytes   int64
}

// Keep makes an image of the store from a workspace, under a name without a registry
// or with one. An image that had the name loses it.
func (w *Workspace) Keep(ctx context.Context, name string, o ImageOptions) (id string, err error) {
	if name, err = w.st.fullName(name); err != nil {
		return "", err
	}
	img, err := w.Image(ctx, o)
	if err != nil {
		return "", err
	}
	defer img.Close()
	// Saved twice within a second it is the same image.
	if same, err := w.st.store.Image(digest.FromBytes(img.Config).Encoded()); err == nil {
		if err := w.st.store.AddNames(same.ID, []string{name}); err != nil {
			return "", message.Fail(message.Of("workspace.keep", w.Name, name), err)
		}
		return same.ID, nil
	}
	base, _, err := w.base()
	if err != nil {
		return "", err
	}
	parent := base.TopLayer
	if o.Squash {
		parent = ""
	}
	own := img.Layers[len(img.Layers)-1]
	tar, err := own.Open()
	if err != nil {
		return "", err
	}
	defer tar.Close()
	layer, _, err := w.st.store.PutLayer("", parent, nil, "", false, &storage.LayerOptions{UncompressedDigest: own.DiffID}, tar)
	if err != nil {
		return "", message.Fail(message.Of("workspace.keep", w.Name, name), err)
	}
	id, err = w.st.record(name, layer.ID, img.Config, img.Layers)
	if err != nil {
		_ = w.st.store.DeleteLayer(layer.ID)
		return "", message.Fail(message.Of("workspace.keep", w.Name, name), err)
	}
	w.st.sync()
	return id, nil
}

// FullName is the name under which the store keeps an image that is called name: with a
// registry (localhost for none) and a tag.
func (st *Store) FullName(name string) (string, error) { return st.fullName(name) }

// fullName is a name with a registry (localhost for none) and a tag.
func (st *Store) fullName(name string) (string, error) {
	if ref, err := parseInRegistry(name); err == nil {
		return ref, nil
	}
	local, err := localName(name)
	if err != nil {
		return "", message.Fail(message.Of("workspace.image-name", name), err, message.Of("workspace.image-name.next"))
	}
	return local, nil
}

// record makes an image from layers that are in the store. The manifest names them as
// they are there: not compressed.
func (st *Store) record(name, top string, config []byte, layers []Layer) (id string, err error) {
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: digest.FromBytes(config), Size: int64(len(config))},
	}
	for _, l := range layers {
		m.Layers = append(m.Layers, ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: l.DiffID, Size: l.Bytes})
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("writing the manifest: %w", err)
	}
	manifest := digest.FromBytes(raw)
	id = m.Config.Digest.Encoded()
	img, err := st.store.CreateImage(id, nil, top, "", &storage.ImageOptions{
		Digest: manifest,
		BigData: []storage.ImageBigDataOption{
			{Key: m.Config.Digest.String(), Data: config, Digest: m.Config.Digest},
			{Key: storage.ImageDigestManifestBigDataNamePrefix + "-" + manifest.String(), Data: raw, Digest: manifest},
			{Key: storage.ImageDigestBigDataKey, Data: raw, Digest: manifest},
		},
	})
	if err != nil {
		return "", fmt.Errorf("keeping the image: %w", err)
	}
	if err := st.store.AddNames(img.ID, []string{name}); err != nil {
		return "", fmt.Errorf("naming the image: %w", err)
	}
	return img.ID, nil
}
