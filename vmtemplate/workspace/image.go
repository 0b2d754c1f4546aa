package workspace

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/storage/pkg/archive"
)

// Image is an image as it goes to a registry: its configuration and its layers, the
// lowest first. The DiffID of a workspace's own layer is known only after it was read;
// Finish completes the configuration.
type Image struct {
	Layers []Layer

	config []byte // of the base, or complete where open is false
	own    bool   // the last layer is new
	labels map[string]string
	by     string
	state  State
}

// ImageOptions say what an image made from a workspace has beside the files.
type ImageOptions struct {
	Labels map[string]string
	By     string                 // what the history says of the new layer
	Squash bool                   // one layer with everything
	Leave  func(path string) bool // what more is to stay out; may be nil
}

// Image is the workspace as an image. It can be used until the workspace is closed.
func (w *Workspace) Image(o ImageOptions) (*Image, error) {
	base, config, err := w.base()
	if err != nil {
		return nil, err
	}
	img := &Image{config: config, own: true, labels: o.Labels, by: o.By, state: w.State}
	if o.Squash {
		root, err := w.mount()
		if err != nil {
			return nil, err
		}
		img.config, err = withoutLayers(config)
		if err != nil {
			return nil, err
		}
		img.Layers = []Layer{{open: func() (io.ReadCloser, error) {
			all, err := archive.TarWithOptions(root, &archive.TarOptions{})
			if err != nil {
				return nil, fmt.Errorf("reading workspace %s: %w", w.Name, err)
			}
			return filtered(all, o.Leave), nil
		}}}
		return img, nil
	}
	img.Layers, err = w.st.layers(base.TopLayer, diffIDsOf(config))
	if err != nil {
		return nil, err
	}
	img.Layers = append(img.Layers, w.ownLayer(o.Leave))
	return img, nil
}

// Stored is an image of the store, as it is.
func (st *Store) Stored(name string) (*Image, error) {
	base, err := st.local(name)
	if err != nil {
		return nil, missingImage(name, err)
	}
	img, err := st.store.Image(base.id)
	if err != nil {
		return nil, fmt.Errorf("reading image %s: %w", name, err)
	}
	config, err := st.configOf(img)
	if err != nil {
		return nil, err
	}
	layers, err := st.layers(img.TopLayer, diffIDsOf(config))
	if err != nil {
		return nil, err
	}
	return &Image{config: config, Layers: layers}, nil
}

// Finish is the image's configuration, once the digest of the tar that is new is known;
// it is ignored where none is.
func (i *Image) Finish(own digest.Digest, now time.Time) ([]byte, error) {
	if !i.own {
		return i.config, nil
	}
	// What is not in our types must stay: ONBUILD, HEALTHCHECK and SHELL are Docker's.
	top, err := object(i.config)
	if err != nil {
		return nil, err
	}
	inner, err := object(top["config"])
	if err != nil {
		return nil, err
	}
	var rootfs ocispec.RootFS
	var history []ocispec.History
	var config ocispec.ImageConfig
	for raw, into := range map[string]any{"rootfs": &rootfs, "history": &history, "config": &config} {
		if len(top[raw]) == 0 {
			continue
		}
		if err := json.Unmarshal(top[raw], into); err != nil {
			return nil, fmt.Errorf("reading the image's configuration: %w", err)
		}
	}
	now = now.UTC().Truncate(time.Second)
	rootfs.Type = "layers"
	rootfs.DiffIDs = append(rootfs.DiffIDs, own)
	history = append(history, ocispec.History{Created: &now, CreatedBy: i.by, Comment: "jbuild"})
	if config.Labels == nil {
		config.Labels = map[string]string{}
	}
	maps.Copy(config.Labels, i.labels)
	inner.set("Labels", config.Labels)
	if len(i.state.Env) > 0 {
		inner.set("Env", mergeEnv(config.Env, i.state.Env))
	}
	if i.state.Workdir != "" {
		inner.set("WorkingDir", i.state.Workdir)
	}
	delete(inner, "Hostname") // of the machine that built it
	delete(inner, "Image")
	delete(top, "container")
	delete(top, "container_config")
	delete(top, "id")
	top.set("config", inner)
	top.set("rootfs", rootfs)
	top.set("history", history)
	top.set("created", now)
	raw, err := json.Marshal(top)
	if err != nil {
		return nil, fmt.Errorf("writing the image's configuration: %w", err)
	}
	return raw, nil
}
