package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/manifest"
)

// plan is what there is to convert: one manifest for one platform, its config
// and its layers, all but the layers' content read and verified.
type plan struct {
	digest    digest.Digest // of the manifest
	index     digest.Digest // of the index it came from, or empty
	config    imgspec.Image
	rawConfig []byte
	layers    []store.Layer
}

// Errors about images that are in order but of no use here.
var (
	ErrEmpty       = errors.New("the image has no layers")
	ErrNoImage     = errors.New("the manifest is not of a container image")
	ErrUnsupported = errors.New("the image uses something that is not supported")
)

// PlatformError says that an image is not for the platform wanted.
type PlatformError struct {
	Want store.Platform
	Have []store.Platform // what it is for
}

func (e *PlatformError) Error() string { return e.FaultText().String() }

// FaultText is what the error says.
func (e *PlatformError) FaultText() fault.Text {
	have := make([]string, len(e.Have))
	for i, p := range e.Have {
		have[i] = p.String()
	}
	return fault.Say("it is for %s, not for %s", strings.Join(have, ", "), e.Want)
}

// maxIndexDepth bounds indexes within indexes; more than two levels are not
// known to exist.
const maxIndexDepth = 3

// plan finds the manifest for the client's platform and checks that it can be
// converted.
func (c *Client) plan(ctx context.Context, src *source) (*plan, error) {
	p := &plan{digest: src.digest}
	b, mime := src.manifest, src.mime
	for depth := 0; manifest.MIMETypeIsMultiImage(mime); depth++ {
		if depth == maxIndexDepth {
			return nil, fmt.Errorf("choosing from %s: %w: indexes within indexes, %d deep", src.ref, ErrUnsupported, depth)
		}
		d, err := c.choose(b, mime)
		if err != nil {
			return nil, fmt.Errorf("choosing from %s: %w", src.ref, err)
		}
		p.index, p.digest = src.digest, d
		if b, mime, err = src.instance(ctx, d); err != nil {
			return nil, err
		}
	}
	parsed, err := parseManifest(b, mime)
	if err != nil {
		return nil, fmt.Errorf("reading the manifest of %s: %w", src.ref, err)
	}
	if p.rawConfig, err = src.config(ctx, parsed.ConfigInfo()); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(p.rawConfig, &p.config); err != nil {
		return nil, fmt.Errorf("decoding the config of %s: %w", src.ref, err)
	}
	if p.layers, err = layersOf(parsed, p.config); err != nil {
		return nil, fmt.Errorf("reading the manifest of %s: %w", src.ref, err)
	}
	return p, c.checkPlatform(p.config)
}

// choose picks the manifest of an index that is for the client's platform.
func (c *Client) choose(b []byte, mime string) (digest.Digest, error) {
	list, err := manifest.ListFromBlob(b, mime)
	if err != nil {
		return "", err
	}
	d, err := list.ChooseInstance(&c.base)
	if err == nil {
		return d, d.Validate()
	}
	missing := &PlatformError{Want: c.platform()}
	for _, d := range list.Instances() {
		instance, err := list.Instance(d)
		if err != nil || instance.ReadOnly.Platform == nil {
			continue
		}
		has := instance.ReadOnly.Platform
		if has.OS == "unknown" { // attestations that sit beside the images
			continue
		}
		missing.Have = append(missing.Have, store.Platform{OS: has.OS, Architecture: has.Architecture, Variant: has.Variant})
	}
	if len(missing.Have) == 0 {
		return "", err
	}
	return "", missing
}

// checkPlatform refuses an image of another architecture. A config that does
// not say, or that leaves out the variant, is taken at its word.
func (c *Client) checkPlatform(config imgspec.Image) error {
	want := c.platform()
	is := store.Platform{OS: config.OS, Architecture: config.Architecture, Variant: config.Variant}
	if (is.OS == "" || is.OS == want.OS) && (is.Architecture == "" || is.Architecture == want.Architecture) {
		return nil
	}
	return &PlatformError{Want: want, Have: []store.Platform{is}}
}

func parseManifest(b []byte, mime string) (manifest.Manifest, error) {
	switch mime {
	case imgspec.MediaTypeImageManifest, manifest.DockerV2Schema2MediaType:
	case manifest.DockerV2Schema1MediaType, manifest.DockerV2Schema1SignedMediaType:
		return nil, fault.Because("%w: Docker's manifest schema 1 of before 2016", ErrUnsupported)
	default:
		return nil, fault.Because("%w: its type is %q", ErrNoImage, mime)
	}
	parsed, err := manifest.FromBlob(b, mime)
	if err != nil {
		return nil, err
	}
	switch kind := parsed.ConfigInfo().MediaType; kind {
	case imgspec.MediaTypeImageConfig, manifest.DockerV2Schema2ConfigMediaType, "":
	default:
		return nil, fault.Because("%w: its config is of type %q", ErrNoImage, kind)
	}
	return parsed, nil
}

// layersOf pairs the manifest's layers with the config's diffIDs.
func layersOf(m manifest.Manifest, config imgspec.Image) ([]store.Layer, error) {
	infos := m.LayerInfos()
	if len(infos) == 0 {
		return nil, ErrEmpty
	}
	diffIDs := config.RootFS.DiffIDs
	if len(diffIDs) != len(infos) {
		return nil, fault.Because("the manifest has %d layers and the config %d diffIDs", len(infos), len(diffIDs))
	}
	layers := make([]store.Layer, len(infos))
	for i, info := range infos {
		for _, d := range []digest.Digest{info.Digest, diffIDs[i]} {
			if err := d.Validate(); err != nil {
				return nil, fmt.Errorf("layer %d: digest %q: %w", i+1, d, err)
			}
		}
		if err := checkLayerType(info.MediaType); err != nil {
			return nil, fmt.Errorf("layer %d: %w", i+1, err)
		}
		layers[i] = store.Layer{Digest: info.Digest, DiffID: diffIDs[i], SizeBytes: info.Size, MediaType: info.MediaType}
	}
	return layers, nil
}

func checkLayerType(mediaType string) error {
	if strings.HasSuffix(mediaType, "+encrypted") {
		return fault.Because("%w: an encrypted layer (%s)", ErrUnsupported, mediaType)
	}
	foreign := []string{
		manifest.DockerV2Schema2ForeignLayerMediaType,
		manifest.DockerV2Schema2ForeignLayerMediaTypeGzip,
		imgspec.MediaTypeImageLayerNonDistributable,     //nolint:staticcheck // deprecated, and still met
		imgspec.MediaTypeImageLayerNonDistributableGzip, //nolint:staticcheck // deprecated, and still met
		imgspec.MediaTypeImageLayerNonDistributableZstd, //nolint:staticcheck // deprecated, and still met
	}
	if slices.Contains(foreign, mediaType) {
		return fault.Because("%w: a layer that is kept outside the registry (%s)", ErrUnsupported, mediaType)
	}
	return nil
}
