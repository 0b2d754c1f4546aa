package bundle

import (
	"context"
	"fmt"
	"os"

	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
)

// VerifyImage reads what one image consists of, and nothing else: what one wants to
// know before running it. Errors are as of Verify.
func VerifyImage(ctx context.Context, dir string, image Image) error {
	root, err := openBundle(dir)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // it was only read
	var found findings
	g, err := explore(ctx, imgspec.Descriptor{Digest: image.Digest}, func(_ context.Context, d imgspec.Descriptor) ([]byte, error) {
		return manifestIn(root, d)
	})
	if err != nil {
		found.add(blobFile(image.Digest), "%s cannot be followed to its end: %v", image, reason(err))
	}
	for _, b := range g.blobs {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		f, err := openIn(root, blobFile(b.Digest))
		if err == nil {
			err = sound(untilDone{ctx, f}, b)
			_ = f.Close()
		}
		if err != nil && ctx.Err() == nil {
			found.add(blobFile(b.Digest), "%v", reason(err))
		}
	}
	return found.err(dir)
}

// manifestIn reads a manifest out of a bundle, and compares it with its digest.
func manifestIn(root *os.Root, d imgspec.Descriptor) ([]byte, error) {
	raw, err := readIn(root, blobFile(d.Digest), mostManifestBytes)
	if err == nil {
		err = checkBytes(d.Digest, raw)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", blobFile(d.Digest), reason(err))
	}
	return raw, nil
}
