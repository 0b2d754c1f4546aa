package bundle

import (
	"cmp"
	"path"
	"slices"

	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Where things are in a bundle.
const (
	dataDir       = "data"
	imagesDir     = dataDir + "/images"
	bundleFile    = dataDir + "/bundle.json"
	digestsFile   = dataDir + "/digests.txt"
	htmlFile      = dataDir + "/README.html"
	textFile      = dataDir + "/README.txt"
	crateFile     = dataDir + "/ro-crate-metadata.json"
	layoutFile    = imagesDir + "/" + imgspec.ImageLayoutFile
	indexFile     = imagesDir + "/" + imgspec.ImageIndexFile
	layoutContent = `{"imageLayoutVersion": "1.0.0"}` + "\n"
)

// layoutIndex is images/index.json: for each name a descriptor.
func (m *maker) layoutIndex() imgspec.Index {
	index := imgspec.Index{MediaType: imgspec.MediaTypeImageIndex, Manifests: []imgspec.Descriptor{}}
	index.SchemaVersion = 2
	for _, image := range m.b.Images {
		top := m.graphs[key{image.Repository, image.Digest}].manifests[0]
		for _, name := range image.Names {
			index.Manifests = append(index.Manifests, named(top, name))
		}
		for _, a := range image.Accessories {
			d := named(m.graphs[key{image.Repository, a.Digest}].manifests[0], a.Name)
			index.Manifests = append(index.Manifests, d)
		}
	}
	order := func(a, b imgspec.Descriptor) int {
		return cmp.Or(cmp.Compare(a.Annotations[imgspec.AnnotationRefName], b.Annotations[imgspec.AnnotationRefName]), cmp.Compare(a.Digest, b.Digest))
	}
	slices.SortFunc(index.Manifests, order)
	index.Manifests = slices.CompactFunc(index.Manifests, func(a, b imgspec.Descriptor) bool { return order(a, b) == 0 })
	return index
}

// named is a descriptor for the layout's index. One with a subject has the type that
// tools look for among referrers.
func named(n node, name string) imgspec.Descriptor {
	d := imgspec.Descriptor{MediaType: n.descriptor.MediaType, Digest: n.descriptor.Digest, Size: n.descriptor.Size, Annotations: map[string]string{imgspec.AnnotationRefName: name}}
	if n.manifest.subject != nil {
		d.ArtifactType = n.manifest.artifactType
	}
	return d
}

// expected are all files of the layout, and what there is no name for here yet: what
// write has written.
func (m *maker) expected() map[string]bool {
	all := map[string]bool{}
	for name := range m.written {
		all[name] = true
	}
	for _, g := range m.graphs {
		for _, n := range g.manifests {
			all[path.Clean(blobFile(n.descriptor.Digest))] = true
		}
		for _, b := range g.blobs {
			if _, elsewhere := m.elsewhere[b.Digest]; !elsewhere {
				all[path.Clean(blobFile(b.Digest))] = true
			}
		}
	}
	return all
}
