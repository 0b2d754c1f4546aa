//go:build e2e

package integration

import (
	"context"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/jrun-hpc/jrun/integration/images"
)

const hostArchitecture = runtime.GOARCH

// Names of images in the lab's registry, without its host.
const (
	minimal    = "demo/minimal:latest"
	python     = "demo/python:3"
	configured = "demo/configured:latest"
	layered    = "demo/layered:latest"
)

// configuredImage has a value in every field of the config that jrun honours.
func configuredImage(ctx context.Context, f images.Flavour) (v1.Image, error) {
	config := v1.Config{
		Env:        []string{"FROM_IMAGE=yes", "SPACED=a b  c", "HOME=/root"},
		WorkingDir: "/opt/work",
		Entrypoint: []string{"/opt/work/show", "first word"},
		Cmd:        []string{"default", "two words"},
	}
	const show = "#!/bin/sh\npwd\nfor word; do echo \"[$word]\"; done\n"
	return images.WithLayers(ctx, f, config, []images.Entry{
		images.Dir("opt/work", 0o755),
		images.File("opt/work/show", 0o755, show),
		images.File("opt/work/not-executable", 0o644, show),
		images.File("opt/work/no-such-interpreter", 0o755, "#!/no/such/interpreter\n"),
	})
}

// layeredImage is built of layers that change what is in those below.
func layeredImage(ctx context.Context, f images.Flavour) (v1.Image, error) {
	first := []images.Entry{
		images.Dir("srv/kept", 0o755), images.File("srv/kept/a", 0o644, "a"),
		images.Dir("srv/opaque", 0o755), images.File("srv/opaque/below", 0o644, "below"),
		images.File("srv/removed", 0o644, "removed"),
		images.File("srv/file-then-dir", 0o644, "file"),
		images.Dir("srv/dir-then-file", 0o755), images.File("srv/dir-then-file/inside", 0o644, ""),
		images.File("srv/linked", 0o644, "shared content"),
		images.File("srv/twice", 0o644, "first"), images.File("srv/twice", 0o600, "second"),
		images.File("missing/parents/of/this", 0o644, "deep"),
	}
	second := []images.Entry{
		images.Whiteout("srv", "removed"),
		images.Opaque("srv/opaque"), images.File("srv/opaque/above", 0o644, "above"),
		images.Dir("srv/file-then-dir", 0o755), images.File("srv/file-then-dir/inside", 0o644, "inside"),
		images.File("srv/dir-then-file", 0o644, "now a file"),
		images.Link("srv/link", "srv/linked"),
		images.Symlink("srv/absolute", "/srv/kept/a"),
		images.Symlink("srv/dangling", "/nowhere"),
	}
	return images.WithLayers(ctx, f, v1.Config{}, first, second)
}
