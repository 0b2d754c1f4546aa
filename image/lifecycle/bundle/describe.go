package bundle

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/printable"
	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	mostConfigBytes = 4 << 20 // as image/v5 has it
	mostText        = 2000    // bytes of a title or description that are kept
)

// describe fills in what only the images themselves say, and what records say of them.
func (m *maker) describe(context.Context) error {
	m.progress(Progress{Stage: Describing})
	for i := range m.b.Images {
		image := &m.b.Images[i]
		g := m.graphs[key{image.Repository, image.Digest}]
		top := g.manifests[0]
		image.MediaType, image.ArtifactType = top.descriptor.MediaType, top.manifest.artifactType
		image.Names = namesOf(image.Repository, image.Digest, image.Tags)
		m.describeAccessories(image)
		image.SizeBytes = m.sizeOf(*image)
		image.Elsewhere = m.elsewhereOf(g)
		labels := m.readConfigs(image, g)
		m.titles(image, top.manifest, labels)
		if err := m.recipe(image, labels); err != nil {
			return err
		}
	}
	if err := m.records(); err != nil {
		return err
	}
	return nil
}

func (m *maker) describeAccessories(image *Image) {
	for i := range image.Accessories {
		a := &image.Accessories[i]
		g := m.graphs[key{image.Repository, a.Digest}]
		top := g.manifests[0]
		a.MediaType, a.ArtifactType, a.SizeBytes = top.descriptor.MediaType, top.manifest.artifactType, g.sizeBytes
		a.Name = digestName(image.Repository, a.Digest)
		if top.manifest.subject == nil { // cosign finds it by its name only
			a.Tag = signatureTag(a.Subject)
			if name, ok := tagName(image.Repository, a.Tag); ok {
				a.Name = name
			}
		}
	}
}

// sizeOf is the size of an image with its accessories, each blob counted once.
func (m *maker) sizeOf(image Image) int64 {
	sizes := map[digest.Digest]int64{}
	keys := []key{{image.Repository, image.Digest}}
	for _, a := range image.Accessories {
		keys = append(keys, key{image.Repository, a.Digest})
	}
	for _, k := range keys {
		for _, n := range m.graphs[k].manifests {
			sizes[n.descriptor.Digest] = n.descriptor.Size
		}
		for _, b := range m.graphs[k].blobs {
			sizes[b.Digest] = b.Size
		}
	}
	var sum int64
	for _, size := range sizes {
		sum += size
	}
	return sum
}

func (m *maker) elsewhereOf(g graph) []Elsewhere {
	var all []Elsewhere
	for _, b := range g.blobs {
		if d, ok := m.elsewhere[b.Digest]; ok {
			all = append(all, Elsewhere{Digest: d.Digest, SizeBytes: d.Size, URLs: d.URLs})
		}
	}
	slices.SortFunc(all, func(a, b Elsewhere) int { return cmp.Compare(a.Digest, b.Digest) })
	return all
}

// readConfigs finds out platforms and the time of creation, and returns the labels of
// the first image. What cannot be read is left out: it is the registry's bytes that
// count, not whether they make sense.
func (m *maker) readConfigs(image *Image, g graph) (labels map[string]string) {
	platforms := map[string]bool{}
	for _, n := range g.manifests {
		c := n.manifest.config
		if c == nil || c.MediaType != imgspec.MediaTypeImageConfig && c.MediaType != "application/vnd.docker.container.image.v1+json" {
			continue
		}
		raw, err := readBounded(m.disk.path(blobFile(c.Digest)), mostConfigBytes)
		var config imgspec.Image
		if err != nil || json.Unmarshal(raw, &config) != nil || config.OS == "unknown" {
			continue // unknown is an attestation beside the images
		}
		if config.OS != "" {
			platforms[strings.Trim(config.OS+"/"+config.Architecture+"/"+config.Variant, "/")] = true
		}
		if labels == nil {
			labels = config.Config.Labels
			if labels == nil {
				labels = map[string]string{}
			}
			if config.Created != nil {
				image.Created = when(*config.Created)
			}
		}
	}
	image.Platforms = slices.Sorted(maps.Keys(platforms))
	return labels
}

// titles takes what the manifest says of itself, or else what the labels do.
func (*maker) titles(image *Image, top manifest, labels map[string]string) {
	image.Title = short(cmp.Or(top.annotations[imgspec.AnnotationTitle], labels[imgspec.AnnotationTitle]))
	image.Description = short(cmp.Or(top.annotations[imgspec.AnnotationDescription], labels[imgspec.AnnotationDescription]))
}

// short cuts a text that may be of any length.
func short(s string) string { return printable.CutBytes(strings.ToValidUTF8(s, "\uFFFD"), mostText) }
