package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// debianPath is the PATH that Debian's own images set.
const debianPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Minimal is the distribution's essential packages in one layer.
func Minimal(ctx context.Context, f Flavour) (v1.Image, error) {
	base, err := BaseLayer(ctx, f)
	if err != nil {
		return nil, err
	}
	return Compose(f, v1.Config{Env: []string{debianPath}, Cmd: []string{"bash"}}, base)
}

// BaseLayer is the one layer of [Minimal], to put other layers on.
func BaseLayer(ctx context.Context, f Flavour) (v1.Layer, error) {
	path, err := RootFS(ctx, "minimal")
	if err != nil {
		return nil, err
	}
	return cachedLayer(f, path)
}

// WithLayers is [Minimal] with further layers and another config. PATH is set
// when the config does not.
func WithLayers(ctx context.Context, f Flavour, config v1.Config, layers ...[]Entry) (v1.Image, error) {
	base, err := BaseLayer(ctx, f)
	if err != nil {
		return nil, err
	}
	config.Env = append([]string{debianPath}, config.Env...)
	all := []v1.Layer{base}
	for _, entries := range layers {
		added, err := entriesLayer(f, entries...)
		if err != nil {
			return nil, err
		}
		all = append(all, added)
	}
	return Compose(f, config, all...)
}

// Python is Minimal, a layer with Python, numpy, scipy and pandas, and a small
// layer with a program of the image's own in /opt/demo.
func Python(ctx context.Context, f Flavour) (v1.Image, error) {
	lower, err := pythonLayers(ctx, f)
	if err != nil {
		return nil, err
	}
	return withDemo(f, lower)
}

// Big is [Python] with 5 GB of compilers, torch, R and OpenFOAM in a layer
// below that of the program.
func Big(ctx context.Context, f Flavour) (v1.Image, error) {
	lower, err := pythonLayers(ctx, f)
	if err != nil {
		return nil, err
	}
	upper, err := difference(ctx, "compilers", "sci", "big")
	if err != nil {
		return nil, err
	}
	compilers, err := cachedLayer(f, upper)
	if err != nil {
		return nil, err
	}
	return withDemo(f, append(lower, compilers))
}

func pythonLayers(ctx context.Context, f Flavour) ([]v1.Layer, error) {
	base, err := BaseLayer(ctx, f)
	if err != nil {
		return nil, err
	}
	tarPath, err := difference(ctx, "python", "minimal", "sci")
	if err != nil {
		return nil, err
	}
	python, err := cachedLayer(f, tarPath)
	return []v1.Layer{base, python}, err
}

// MPI is an image with an MPI of the distribution, openmpi or mpich, or with both of
// another version of it, bullseye or trixie, and without a compiler.
func MPI(ctx context.Context, f Flavour, name string) (v1.Image, error) {
	path, err := RootFS(ctx, name)
	if err != nil {
		return nil, err
	}
	layer, err := cachedLayer(f, path)
	if err != nil {
		return nil, err
	}
	return Compose(f, v1.Config{Env: []string{debianPath}, Cmd: []string{"bash"}}, layer)
}

// Apt is an image of one layer, of the distribution's essential packages and apt, as
// registries have for building on.
func Apt(ctx context.Context, f Flavour) (v1.Image, error) {
	path, err := RootFS(ctx, "apt")
	if err != nil {
		return nil, err
	}
	layer, err := cachedLayer(f, path)
	if err != nil {
		return nil, err
	}
	return Compose(f, v1.Config{Env: []string{debianPath}, Cmd: []string{"bash"}}, layer)
}

func withDemo(f Flavour, lower []v1.Layer) (v1.Image, error) {
	top, err := entriesLayer(f,
		Dir("opt/demo", 0o755),
		File("opt/demo/hello.py", 0o755, "#!/usr/bin/python3\nprint('hello from the image')\n"))
	if err != nil {
		return nil, err
	}
	config := v1.Config{Env: []string{debianPath, "LANG=C.UTF-8"}, Cmd: []string{"python3"}}
	return Compose(f, config, append(lower, top)...)
}

// PythonRootFS returns the path of a tar of all that [Python]'s lower two
// layers hold, for peers that convert a tar.
func PythonRootFS(ctx context.Context) (string, error) { return RootFS(ctx, "sci") }

// BigRootFS is the same for [Big].
func BigRootFS(ctx context.Context) (string, error) { return RootFS(ctx, "big") }

// difference returns the path of the layer called name that turns one root file
// system into another, and makes it when it is not in the cache.
func difference(ctx context.Context, name, lower, upper string) (string, error) {
	lowerPath, err := RootFS(ctx, lower)
	if err != nil {
		return "", err
	}
	upperPath, err := RootFS(ctx, upper)
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(upperPath), name+".tar")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	err = writeFile(path, func(w io.Writer) error { return writeDifference(w, lowerPath, upperPath) })
	if err != nil {
		return "", fmt.Errorf("making the layer %q: %w", name, err)
	}
	return path, nil
}

// entriesLayer is a small layer of the given entries.
func entriesLayer(f Flavour, entries ...Entry) (v1.Layer, error) {
	data, err := Tar(entries...)
	if err != nil {
		return nil, err
	}
	return NewLayer(f, data)
}
