package workspace

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/storage"
)

// base is the image that the workspace was made from, and its configuration.
func (w *Workspace) base() (*storage.Image, []byte, error) {
	img, err := w.st.store.Image(w.container.ImageID)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the base of workspace %s: %w", w.Name, err)
	}
	config, err := w.st.configOf(img)
	return img, config, err
}

// config is what the base says about running programs.
func (w *Workspace) config() (ocispec.ImageConfig, error) {
	_, raw, err := w.base()
	if err != nil {
		return ocispec.ImageConfig{}, err
	}
	return runtimeConfig(raw)
}

// Config is what the workspace's image will say about running programs.
func (w *Workspace) Config() (ocispec.ImageConfig, error) {
	c, err := w.config()
	c.Env = mergeEnv(c.Env, w.State.Env)
	c.WorkingDir = firstOf(w.State.Workdir, c.WorkingDir)
	return c, err
}

func runtimeConfig(raw []byte) (ocispec.ImageConfig, error) {
	var c struct {
		Config ocispec.ImageConfig `json:"config"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return ocispec.ImageConfig{}, fmt.Errorf("reading the image's configuration: %w", err)
	}
	return c.Config, nil
}

// configOf reads an image's configuration: its name among the image's data is its
// digest, of which the image's id is the hexadecimal part.
func (st *Store) configOf(img *storage.Image) ([]byte, error) {
	raw, err := st.store.ImageBigData(img.ID, digest.NewDigestFromEncoded(digest.SHA256, img.ID).String())
	if err == nil {
		return raw, nil
	}
	// An id that was taken was replaced by another; then the manifest tells.
	var m ocispec.Manifest
	for _, key := range img.BigDataNames {
		if key != storage.ImageDigestBigDataKey && !strings.HasPrefix(key, storage.ImageDigestManifestBigDataNamePrefix) {
			continue
		}
		text, err := st.store.ImageBigData(img.ID, key)
		if err != nil || json.Unmarshal(text, &m) != nil || m.Config.Digest == "" {
			continue
		}
		if raw, err := st.store.ImageBigData(img.ID, m.Config.Digest.String()); err == nil {
			return raw, nil
		}
	}
	return nil, fmt.Errorf("reading the configuration of image %.12s: %w", img.ID, err)
}

func diffIDsOf(config []byte) []digest.Digest {
	var c struct {
		RootFS ocispec.RootFS `json:"rootfs"`
	}
	_ = json.Unmarshal(config, &c) // then there are none, and the layers do not match
	return c.RootFS.DiffIDs
}

// withoutLayers is a configuration for an image with other layers.
func withoutLayers(config []byte) ([]byte, error) {
	top, err := object(config)
	if err != nil {
		return nil, err
	}
	top.set("rootfs", ocispec.RootFS{Type: "layers"})
	top.set("history", []ocispec.History{})
	return json.Marshal(top)
}

// fields are those of a JSON object, in which what nobody touches stays as it was.
type fields map[string]json.RawMessage

func (f fields) set(name string, value any) {
	if raw, err := json.Marshal(value); err == nil { // all of our values can be written
		f[name] = raw
	}
}

func object(raw []byte) (fields, error) {
	f := fields{}
	if len(raw) == 0 || string(raw) == "null" {
		return f, nil
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, fmt.Errorf("reading the image's configuration: %w", err)
	}
	return f, nil
}

// mergeEnv sets variables in a list; of two with one name the later stays, in the
// place of the earlier.
func mergeEnv(all, more []string) []string {
	place := map[string]int{}
	var merged []string
	for _, e := range append(append([]string{}, all...), more...) {
		name, _, _ := strings.Cut(e, "=")
		if i, known := place[name]; known {
			merged[i] = e
			continue
		}
		place[name] = len(merged)
		merged = append(merged, e)
	}
	return merged
}

func missingImage(name string, err error) error {
	if errors.Is(err, storage.ErrImageUnknown) {
		return message.Fail(message.Of("workspace.no-image", name), nil, message.Of("workspace.no-image.next"))
	}
	return err
}
