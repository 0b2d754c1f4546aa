package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/jrun-hpc/jrun/integration/images"
)

// subject is an image to measure with, in three versions that are all in the
// registry.
type subject struct {
	name    string
	title   string
	image   string // reference
	flatTar string // what its layers below the last unpack to; root may have to open it
	// The image with one layer more, of a hundredth of its size, and with
	// another such layer in its place. References without the registry's name.
	before, after string
}

// newSubject makes an image and pushes it.
func (b *bench) newSubject(ctx context.Context, name string) (subject, error) {
	progress("making and pushing the image %s", name)
	s := subject{name: name}
	makeImage, makeTar := images.Python, images.PythonRootFS
	switch name {
	case "sci":
		s.title = "Debian with numpy, scipy and pandas"
	case "big":
		s.title = "Debian with compilers, torch, R and OpenFOAM"
		makeImage, makeTar = images.Big, images.BigRootFS
	default:
		return s, fmt.Errorf("there is no image %q: sci or big", name)
	}
	var err error
	if s.flatTar, err = makeTar(ctx); err != nil {
		return s, err
	}
	info, err := os.Stat(s.flatTar)
	if err != nil {
		return s, err
	}
	s.title += fmt.Sprintf(" (%.1f GB of files)", float64(info.Size())/1e9)
	img, err := makeImage(ctx, images.Docker)
	if err != nil {
		return s, err
	}
	s.image = b.registry.Host + "/bench/" + name + ":1"
	if err := images.Push(ctx, s.image, img, authn.Anonymous); err != nil {
		return s, err
	}
	s.before, s.after = "bench/"+name+":before", "bench/"+name+":after"
	size := info.Size() / 100
	return s, errors.Join(
		b.pushVersion(ctx, s.before, img, s.flatTar, size, 0),
		b.pushVersion(ctx, s.after, img, s.flatTar, size, 1))
}

// pushVersion pushes an image with one layer more: a file with a piece of the
// flat tar. Where the pieces begin, they hold no block that the image has too.
func (b *bench) pushVersion(ctx context.Context, reference string, img v1.Image, flatTar string, size, piece int64) error {
	file, err := os.Open(flatTar)
	if err != nil {
		return err
	}
	defer file.Close()
	content := make([]byte, size)
	if _, err := file.ReadAt(content, 20*size+12345+piece*size); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading a piece of %s: %w", flatTar, err)
	}
	text, err := images.Tar(images.File("opt/project.bin", 0o755, string(content)))
	if err != nil {
		return err
	}
	layer, err := images.NewLayer(images.Docker, text)
	if err != nil {
		return err
	}
	version, err := mutate.Append(img, mutate.Addendum{Layer: layer, MediaType: types.DockerLayer})
	if err != nil {
		return fmt.Errorf("adding a layer: %w", err)
	}
	return images.Push(ctx, b.registry.Host+"/"+reference, version, authn.Anonymous)
}
