package images

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Push uploads an image as reference, such as 127.0.0.1:5000/demo/python:3,
// over plain http.
func Push(ctx context.Context, reference string, img v1.Image, auth authn.Authenticator) error {
	ref, err := name.ParseReference(reference, name.Insecure)
	if err != nil {
		return fmt.Errorf("reading the reference %q: %w", reference, err)
	}
	if err := remote.Write(ref, img, remote.WithContext(ctx), remote.WithAuth(auth)); err != nil {
		return fmt.Errorf("pushing %q: %w", reference, err)
	}
	return nil
}

// PushIndex uploads an index and its images without authentication.
func PushIndex(ctx context.Context, reference string, index v1.ImageIndex) error {
	ref, err := name.ParseReference(reference, name.Insecure)
	if err != nil {
		return fmt.Errorf("reading the reference %q: %w", reference, err)
	}
	if err := remote.WriteIndex(ref, index, remote.WithContext(ctx)); err != nil {
		return fmt.Errorf("pushing %q: %w", reference, err)
	}
	return nil
}

// WriteLayout adds an image under a tag to the OCI layout in dir, which is
// made when it is not there.
func WriteLayout(dir, tag string, img v1.Image) error {
	path, err := layout.FromPath(dir)
	if err != nil {
		if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
			return err
		}
		path, err = layout.Write(dir, empty.Index)
	}
	if err != nil {
		return fmt.Errorf("opening the OCI layout %s: %w", dir, err)
	}
	name := layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": tag})
	if err := path.AppendImage(img, name); err != nil {
		return fmt.Errorf("adding an image to the OCI layout %s: %w", dir, err)
	}
	return nil
}
