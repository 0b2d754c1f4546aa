package bundle

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
)

// layout checks that all images are complete, and that bundle.json and the layout's
// index say the same. It returns an error only when ctx ends.
func (v *verifier) layout(ctx context.Context, b Bundle) error {
	if text, err := readIn(v.root, layoutFile, mostManifestBytes); err != nil {
		v.found.add(layoutFile, "%v", reason(err))
	} else {
		var l imgspec.ImageLayout
		if json.Unmarshal(text, &l) != nil || l.Version != imgspec.ImageLayoutVersion {
			v.found.add(layoutFile, "it does not say version %s", imgspec.ImageLayoutVersion)
		}
	}
	index, ok := v.index()
	if ok {
		v.compareNames(b, index)
	}
	used := map[string]bool{}
	for _, image := range b.Images {
		tops := []imgspec.Descriptor{{Digest: image.Digest, MediaType: image.MediaType}}
		for _, a := range image.Accessories {
			tops = append(tops, imgspec.Descriptor{Digest: a.Digest, MediaType: a.MediaType})
		}
		for _, top := range tops {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			v.complete(ctx, image, top, used)
		}
		if image.Recipe != "" && !v.hasBelow(dataDir+"/"+image.Recipe) {
			v.found.add(dataDir+"/"+image.Recipe, "the recipe of %s is missing", image)
		}
	}
	for _, r := range b.Records {
		if _, there := v.files[dataDir+"/"+r.File]; !there {
			v.found.add(dataDir+"/"+r.File, "it is missing")
		}
	}
	for name := range v.files {
		if strings.HasPrefix(name, imagesDir+"/blobs/") && !used[name] {
			v.found.add(name, "it belongs to no image in bundle.json")
			v.condemned[name] = true
		}
	}
	return nil
}

func (v *verifier) hasBelow(dir string) bool {
	for name := range v.files {
		if strings.HasPrefix(name, dir+"/") {
			return true
		}
	}
	return false
}

func (v *verifier) index() (imgspec.Index, bool) {
	var index imgspec.Index
	text, err := readIn(v.root, indexFile, mostDocument)
	if err == nil {
		err = json.Unmarshal(text, &index)
	}
	if err != nil {
		v.found.add(indexFile, "%v", reason(err))
		return imgspec.Index{}, false
	}
	return index, true
}

// compareNames compares bundle.json with the layout's index, in both directions.
func (v *verifier) compareNames(b Bundle, index imgspec.Index) {
	want := map[string]digest.Digest{}
	for _, image := range b.Images {
		if !slices.Equal(image.Names, namesOf(image.Repository, image.Digest, image.Tags)) {
			v.found.add(bundleFile, "the names of %s are not those of its tags and digest", image)
		}
		for _, name := range image.Names {
			if other, twice := want[name]; twice && other != image.Digest {
				v.found.add(bundleFile, "%s is the name of two images", name)
			}
			want[name] = image.Digest
		}
		for _, a := range image.Accessories {
			want[a.Name] = a.Digest
		}
	}
	have := map[string]bool{}
	for _, d := range index.Manifests {
		name := d.Annotations[imgspec.AnnotationRefName]
		if have[name] {
			v.found.add(indexFile, "%q is there twice", name)
		}
		have[name] = true
		if checkDigest(d.Digest) != nil {
			v.found.add(indexFile, "%q is no digest", d.Digest)
			continue
		}
		if want[name] != d.Digest {
			v.found.add(indexFile, "%q stands for %s, and in bundle.json for %q", name, d.Digest, want[name])
		}
		if size, there := v.files[blobFile(d.Digest)]; there && size != d.Size {
			v.found.add(indexFile, "it says %d bytes of %s, which has %d", d.Size, d.Digest, size)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !have[name] {
			v.found.add(indexFile, "%q is not in it, but in bundle.json", name)
		}
	}
}

// complete follows a manifest to everything below it.
func (v *verifier) complete(ctx context.Context, image Image, top imgspec.Descriptor, used map[string]bool) {
	g, err := explore(ctx, top, func(_ context.Context, d imgspec.Descriptor) ([]byte, error) {
		raw, err := readIn(v.root, blobFile(d.Digest), mostManifestBytes)
		if err == nil {
			err = checkBytes(d.Digest, raw)
		}
		if err == nil && d.Size != 0 && d.Size != int64(len(raw)) {
			err = &SizeError{WantBytes: d.Size, GotBytes: int64(len(raw))}
		}
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				err = fs.ErrNotExist
			}
			v.found.add(blobFile(d.Digest), "a manifest of %s: %v", image, reason(err))
		}
		return raw, err
	})
	if err != nil {
		v.found.add(blobFile(top.Digest), "%s cannot be followed to its end: %v", image, reason(err))
	}
	for _, n := range g.manifests {
		used[blobFile(n.descriptor.Digest)] = true
	}
	for _, b := range g.blobs {
		name := blobFile(b.Digest)
		used[name] = true
		size, there := v.files[name]
		switch {
		case !there && len(b.URLs) > 0 && slices.ContainsFunc(image.Elsewhere, func(e Elsewhere) bool { return e.Digest == b.Digest }):
		case !there:
			v.found.add(name, "it is missing, and %s needs it", image)
		case size != b.Size:
			v.found.add(name, "it has %d bytes, and %s says %d", size, image, b.Size)
			v.condemned[name] = true
		case b.Digest.Algorithm() == digest.SHA256 && v.sums[name] != "" && v.sums[name] != b.Digest.Encoded():
			v.found.add(manifestFile, "it has another sum of %s than its name says", name)
		}
	}
}
