package workspace

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"go.podman.io/storage"
	"go.podman.io/storage/pkg/archive"
)

// Layer is one layer of an image of this store.
type Layer struct {
	DiffID digest.Digest // of the tar
	Bytes  int64         // of the tar

	// Blob is what the layer was in the registry that it came from; its digest is empty
	// where it came from none.
	Blob Blob

	open func() (io.ReadCloser, error)
}

// Blob is a layer as a registry has it.
type Blob struct {
	Digest       digest.Digest
	Bytes        int64
	MediaType    string
	Repositories []string // HOST/PROJECT/REPOSITORY from which it was pulled
}

// Open returns the layer's tar.
func (l Layer) Open() (io.ReadCloser, error) { return l.open() }

// layers lists those of an image from the lowest, with their diffIDs.
func (st *Store) layers(top string, diffIDs []digest.Digest) ([]Layer, error) {
	var chain []*storage.Layer
	for id := top; id != ""; {
		l, err := st.store.Layer(id)
		if err != nil {
			return nil, fmt.Errorf("reading a layer: %w", err)
		}
		chain = append(chain, l)
		id = l.Parent
	}
	slices.Reverse(chain)
	if len(chain) != len(diffIDs) {
		return nil, fmt.Errorf("the store has %d layers of the image, and its configuration names %d", len(chain), len(diffIDs))
	}
	from, err := st.origins()
	if err != nil {
		return nil, err
	}
	all := make([]Layer, len(chain))
	for i, l := range chain {
		all[i] = Layer{DiffID: diffIDs[i], Bytes: max(l.UncompressedSize, 0), open: func() (io.ReadCloser, error) { return st.diff(l.ID) }}
		if l.CompressedDigest != "" && l.CompressedSize > 0 && l.CompressedDigest != l.UncompressedDigest {
			all[i].Blob = Blob{Digest: l.CompressedDigest, Bytes: l.CompressedSize, MediaType: mediaType(l.CompressionType), Repositories: from[l.ID]}
		}
	}
	return all, nil
}

func mediaType(c archive.Compression) string {
	const layer = "application/vnd.oci.image.layer.v1.tar"
	switch c {
	case archive.Zstd:
		return layer + "+zstd"
	case archive.Gzip:
		return layer + "+gzip"
	}
	return layer
}

// diff is a layer's tar. Of a layer that was pulled it has the bytes that it had.
func (st *Store) diff(layer string) (io.ReadCloser, error) {
	plain := archive.Uncompressed
	rc, err := st.store.Diff("", layer, &storage.DiffOptions{Compression: &plain})
	if err != nil {
		return nil, fmt.Errorf("reading a layer: %w", err)
	}
	return rc, nil
}

// origins are the repositories that each layer was pulled from, by the names of images
// that have it.
func (st *Store) origins() (map[string][]string, error) {
	images, err := st.store.Images()
	if err != nil {
		return nil, fmt.Errorf("listing images: %w", err)
	}
	from := map[string][]string{}
	for _, img := range images {
		var repositories []string
		for _, name := range img.Names {
			if repository, ok := repositoryOf(name); ok && !slices.Contains(repositories, repository) {
				repositories = append(repositories, repository)
			}
		}
		for id := img.TopLayer; id != "" && len(repositories) > 0; {
			l, err := st.store.Layer(id)
			if err != nil {
				break
			}
			from[id] = append(from[id], repositories...)
			id = l.Parent
		}
	}
	return from, nil
}

// repositoryOf cuts tag and digest off a name that is in a registry.
func repositoryOf(name string) (string, bool) {
	name, _, _ = strings.Cut(name, "@")
	if slash, colon := strings.LastIndexByte(name, '/'), strings.LastIndexByte(name, ':'); colon > slash {
		name = name[:colon]
	}
	host, _, ok := strings.Cut(name, "/")
	return name, ok && host != "localhost"
}
