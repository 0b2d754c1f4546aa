package images

import (
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Flavour is how an image is written down: the same files in other wrapping.
type Flavour string

// The flavours that are in use.
const (
	Docker  Flavour = "docker"   // schema 2 manifest, gzip layers
	OCI     Flavour = "oci"      // OCI manifest, gzip layers
	OCIZstd Flavour = "oci-zstd" // OCI manifest, zstd layers
	OCITar  Flavour = "oci-tar"  // OCI manifest, layers as they are
)

// mediaTypes are the media types of a flavour's manifest, config and layers.
func (f Flavour) mediaTypes() (manifest, config, layer types.MediaType) {
	switch f {
	case Docker:
		return types.DockerManifestSchema2, types.DockerConfigJSON, types.DockerLayer
	case OCIZstd:
		return types.OCIManifestSchema1, types.OCIConfigJSON, types.OCILayerZStd
	case OCITar:
		return types.OCIManifestSchema1, types.OCIConfigJSON, types.OCIUncompressedLayer
	default:
		return types.OCIManifestSchema1, types.OCIConfigJSON, types.OCILayer
	}
}

// Compose makes an image of layers, bottom first, with the given config. The
// layers must be compressed as the flavour says.
func Compose(f Flavour, config v1.Config, layers ...v1.Layer) (v1.Image, error) {
	manifestType, configType, layerType := f.mediaTypes()
	img := mutate.MediaType(empty.Image, manifestType)
	img = mutate.ConfigMediaType(img, configType)
	for _, layer := range layers {
		var err error
		img, err = mutate.Append(img, mutate.Addendum{Layer: layer, MediaType: layerType})
		if err != nil {
			return nil, fmt.Errorf("adding a layer: %w", err)
		}
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("reading the config of a new image: %w", err)
	}
	file = file.DeepCopy()
	file.Architecture, file.OS = hostArchitecture, "linux"
	file.Config = config
	img, err = mutate.ConfigFile(img, file)
	if err != nil {
		return nil, fmt.Errorf("setting the config of a new image: %w", err)
	}
	return img, nil
}
