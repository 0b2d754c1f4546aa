package bundle

import (
	"context"
	"encoding/json"
	"io"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/pkg/compression"
	"golang.org/x/sync/errgroup"
)

// deep unpacks all layers and compares them with the diffIDs in the configs.
func (v *verifier) deep(ctx context.Context, b Bundle) error {
	type layer struct{ blob, diffID digest.Digest }
	seen := map[layer]bool{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(v.request.Workers)
	for _, image := range b.Images {
		g, err := explore(ctx, imgspec.Descriptor{Digest: image.Digest}, func(_ context.Context, d imgspec.Descriptor) ([]byte, error) {
			return readIn(v.root, blobFile(d.Digest), mostManifestBytes)
		})
		if err != nil {
			return err // it went well a moment ago
		}
		for _, n := range g.manifests {
			c := n.manifest.config
			if c == nil {
				continue
			}
			raw, err := readIn(v.root, blobFile(c.Digest), mostConfigBytes)
			var config imgspec.Image
			if err != nil || json.Unmarshal(raw, &config) != nil || len(config.RootFS.DiffIDs) == 0 {
				continue // no image
			}
			layers := n.manifest.blobs[1:]
			if len(layers) != len(config.RootFS.DiffIDs) {
				v.found.add(blobFile(c.Digest), "it knows of %d layers, and the manifest of %s has %d", len(config.RootFS.DiffIDs), image, len(layers))
				continue
			}
			for i, d := range layers {
				l := layer{d.Digest, config.RootFS.DiffIDs[i]}
				if _, there := v.files[blobFile(d.Digest)]; seen[l] || !there {
					continue
				}
				seen[l] = true
				group.Go(func() error { return v.unpack(ctx, image, l.blob, l.diffID) })
			}
		}
	}
	return group.Wait()
}

// unpack compares one layer with its diffID.
func (v *verifier) unpack(ctx context.Context, image Image, blob, diffID digest.Digest) error {
	name := blobFile(blob)
	if err := checkDigest(diffID); err != nil {
		v.found.add(name, "the config of %s: %v", image, err)
		return nil
	}
	f, err := openIn(v.root, name)
	if err != nil {
		v.found.add(name, "%v", reason(err))
		return nil
	}
	defer f.Close()
	plain, _, err := compression.AutoDecompress(untilDone{ctx, f})
	if err != nil {
		v.found.add(name, "it does not decompress: %v", err)
		return nil
	}
	defer plain.Close()
	h := diffID.Algorithm().Digester()
	if _, err := io.Copy(h.Hash(), plain); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		v.found.add(name, "it does not decompress: %v", err)
		return nil
	}
	if got := h.Digest(); got != diffID {
		v.found.add(name, "unpacked it is %s, and the config of %s says %s", got, image, diffID)
	}
	return nil
}

// untilDone is a reader that ends with its context.
type untilDone struct {
	ctx context.Context
	io.Reader
}

func (r untilDone) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.Reader.Read(p)
}
