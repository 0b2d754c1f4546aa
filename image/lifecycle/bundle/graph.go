package bundle

import (
	"context"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
)

// errDeep is for indexes in indexes beyond mostDepth.
var errDeep = fmt.Errorf("there are indexes in indexes, more than %d", mostDepth)

// errTwoSizes is for a blob about whose size two manifests do not agree.
var errTwoSizes = errors.New("manifests do not agree about the size of a blob")

// graph is all that an artifact consists of, each part once.
type graph struct {
	manifests []node // the artifact itself first, then what is in it, parents before children
	blobs     []imgspec.Descriptor
	sizeBytes int64 // of all manifests and blobs
}

// node is a manifest of a graph, with its bytes read.
type node struct {
	descriptor imgspec.Descriptor // the media type is known; the size is that of the bytes
	manifest   manifest
}

// readManifest returns the bytes of a manifest, which have its digest.
type readManifest func(ctx context.Context, d imgspec.Descriptor) ([]byte, error)

// explore follows an artifact's manifest to everything below it. Digests make cycles
// impossible; hostile input is kept from being deep all the same.
func explore(ctx context.Context, top imgspec.Descriptor, read readManifest) (graph, error) {
	e := explorer{read: read, sizes: map[digest.Digest]int64{}}
	err := e.visit(ctx, top, 0)
	return e.graph, err
}

type explorer struct {
	graph
	read  readManifest
	sizes map[digest.Digest]int64
}

func (e *explorer) visit(ctx context.Context, d imgspec.Descriptor, depth int) error {
	if _, seen := e.sizes[d.Digest]; seen {
		return nil
	}
	if depth > mostDepth {
		return errDeep
	}
	raw, err := e.read(ctx, d)
	if err != nil {
		return err
	}
	m, err := parseManifest(raw)
	if err != nil {
		return fmt.Errorf("manifest %s: %w", d.Digest, err)
	}
	d.MediaType, d.Size = m.mediaTypeOf(d.MediaType), int64(len(raw))
	e.sizes[d.Digest] = d.Size
	e.sizeBytes += d.Size
	e.manifests = append(e.manifests, node{descriptor: d, manifest: m})
	for _, blob := range m.blobs {
		size, seen := e.sizes[blob.Digest]
		if seen && size != blob.Size {
			return fmt.Errorf("%s: %w", blob.Digest, errTwoSizes)
		}
		if !seen {
			e.sizes[blob.Digest] = blob.Size
			e.sizeBytes += blob.Size
			e.blobs = append(e.blobs, blob)
		}
	}
	for _, child := range m.manifests {
		if err := e.visit(ctx, child, depth+1); err != nil {
			return err
		}
	}
	return nil
}
