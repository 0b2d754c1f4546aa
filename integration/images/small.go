package images

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// hostArchitecture is the OCI name of this machine's processor, which is Go's.
const hostArchitecture = runtime.GOARCH

// ForeignArchitecture is one that this machine cannot run.
func ForeignArchitecture() string {
	if hostArchitecture == "arm64" {
		return "amd64"
	}
	return "arm64"
}

// Empty is an image without layers.
func Empty(f Flavour) (v1.Image, error) { return Compose(f, v1.Config{}) }

// Static is an image with one file: the statically linked /probe, which is
// also its entry point. It has no shell, no /etc and no /tmp.
func Static(ctx context.Context, f Flavour) (v1.Image, error) {
	return ForArchitecture(ctx, f, hostArchitecture)
}

// ForArchitecture is [Static] for another processor.
func ForArchitecture(ctx context.Context, f Flavour, architecture string) (v1.Image, error) {
	probe, err := buildProbe(ctx, architecture)
	if err != nil {
		return nil, err
	}
	layer, err := entriesLayer(f, File("probe", 0o755, string(probe)))
	if err != nil {
		return nil, err
	}
	img, err := Compose(f, v1.Config{Entrypoint: []string{"/probe"}}, layer)
	if err != nil {
		return nil, err
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("reading the config of a new image: %w", err)
	}
	file = file.DeepCopy()
	file.Architecture = architecture
	return mutate.ConfigFile(img, file)
}

// MultiArchitecture is an index of [ForArchitecture] for the given ones.
func MultiArchitecture(ctx context.Context, f Flavour, architectures ...string) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	if f == Docker {
		index = mutate.IndexMediaType(empty.Index, types.DockerManifestList)
	}
	for _, architecture := range architectures {
		img, err := ForArchitecture(ctx, f, architecture)
		if err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        img,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}},
		})
	}
	return index, nil
}

// FromEntries is an image with one layer for each list of entries.
func FromEntries(f Flavour, config v1.Config, layers ...[]Entry) (v1.Image, error) {
	var all []v1.Layer
	for _, entries := range layers {
		layer, err := entriesLayer(f, entries...)
		if err != nil {
			return nil, err
		}
		all = append(all, layer)
	}
	return Compose(f, config, all...)
}

func buildProbe(ctx context.Context, architecture string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "jrun-probe-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "probe")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out,
		"github.com/jrun-hpc/jrun/integration/probe")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+architecture)
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the probe for %s: %w: %s", architecture, err, text)
	}
	return os.ReadFile(out)
}
