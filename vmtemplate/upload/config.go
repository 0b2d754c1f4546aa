package upload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// ErrConfig is wrapped by errors about a configuration that is not that of the layers.
var ErrConfig = errors.New("the configuration does not belong to the image")

// chance is what a build leaves in Docker's configuration by chance: names of its
// containers and of images on the machine that built.
var chance = struct{ top, config []string }{
	top:    []string{"container", "container_config", "id", "parent"},
	config: []string{"Hostname", "Domainname", "Image"},
}

// cleanConfig takes out what is there by chance or says nothing. All other fields
// stay as they are, Docker's own and unknown ones, too.
func cleanConfig(raw []byte, layers []Layer) ([]byte, error) {
	var config map[string]json.RawMessage
	if err := json.Unmarshal(raw, &config); err != nil {
		return nil, fmt.Errorf("reading the image's configuration: %w", err)
	}
	if err := checkLayers(config["rootfs"], layers); err != nil {
		return nil, err
	}
	for _, name := range chance.top {
		delete(config, name)
	}
	var inner map[string]json.RawMessage
	if len(config["config"]) > 0 {
		if err := json.Unmarshal(config["config"], &inner); err != nil {
			return nil, fmt.Errorf("reading the image's configuration: %w", err)
		}
	}
	for _, name := range chance.config {
		delete(inner, name)
	}
	for name, value := range inner {
		if saysNothing(value) {
			delete(inner, name)
		}
	}
	if inner != nil {
		text, err := json.Marshal(inner)
		if err != nil {
			return nil, fmt.Errorf("writing the image's configuration: %w", err)
		}
		config["config"] = text
	}
	return json.Marshal(config)
}

// saysNothing reports whether a field is the same as none.
func saysNothing(value json.RawMessage) bool {
	switch string(bytes.TrimSpace(value)) {
	case "null", `""`, "false", "0", "[]", "{}":
		return true
	}
	return false
}

func checkLayers(rootfs json.RawMessage, layers []Layer) error {
	var has struct {
		DiffIDs []digest.Digest `json:"diff_ids"`
	}
	if err := json.Unmarshal(rootfs, &has); err != nil {
		return fmt.Errorf("%w: reading its rootfs: %w", ErrConfig, err)
	}
	if len(has.DiffIDs) != len(layers) {
		return fmt.Errorf("%w: it names %d layers, and there are %d", ErrConfig, len(has.DiffIDs), len(layers))
	}
	for i, layer := range layers {
		if err := layer.DiffID().Validate(); err != nil { // files are named after it
			return fmt.Errorf("%w: its layer %d: %w", ErrConfig, i, err)
		}
		if has.DiffIDs[i] != layer.DiffID() {
			return fmt.Errorf("%w: its layer %d is %s, and there is %s", ErrConfig, i, has.DiffIDs[i], layer.DiffID())
		}
	}
	return nil
}

// manifestOf is OCI's manifest of blobs that the registry has, or will have.
func manifestOf(config *blob, layers []*blob) ([]byte, error) {
	m := v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, Config: config.descriptor(), Layers: []v1.Descriptor{}}
	for _, layer := range layers {
		m.Layers = append(m.Layers, layer.descriptor())
	}
	return json.Marshal(m)
}

// ociType is the OCI name of a layer's media type. Docker's name the same bytes.
func ociType(mediaType string) string {
	switch mediaType {
	case "application/vnd.docker.image.rootfs.diff.tar.gzip":
		return v1.MediaTypeImageLayerGzip
	case "application/vnd.docker.image.rootfs.diff.tar.zstd":
		return v1.MediaTypeImageLayerZstd
	case "application/vnd.docker.image.rootfs.diff.tar":
		return v1.MediaTypeImageLayer
	}
	return mediaType
}
