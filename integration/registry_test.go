//go:build e2e

package integration

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/jrun-hpc/jrun/integration/images"
)

// The private registry's only user. The hash is bcrypt's of the password.
const (
	registryUser     = "alice"
	registryPassword = "secret"
	htpasswd         = "alice:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n"
)

// ref is the reference of an image in the lab's registry.
func ref(name string) string { return lab.registry.Host + "/" + name }

// fillRegistries pushes all images that tests take for granted.
func fillRegistries(ctx context.Context) error {
	type maker = func(context.Context, images.Flavour) (v1.Image, error)
	foreign := func(ctx context.Context, f images.Flavour) (v1.Image, error) {
		return images.ForArchitecture(ctx, f, images.ForeignArchitecture())
	}
	empty := func(_ context.Context, f images.Flavour) (v1.Image, error) { return images.Empty(f) }
	for _, i := range []struct {
		name    string
		flavour images.Flavour
		make    maker
	}{
		{minimal, images.Docker, images.Minimal},
		{"demo/minimal:oci", images.OCI, images.Minimal},
		{"demo/minimal:zstd", images.OCIZstd, images.Minimal},
		{"demo/minimal:tar", images.OCITar, images.Minimal},
		{python, images.Docker, images.Python},
		{"demo/python:zstd", images.OCIZstd, images.Python},
		{configured, images.Docker, configuredImage},
		{layered, images.Docker, layeredImage},
		{"demo/layered:zstd", images.OCIZstd, layeredImage},
		{"demo/static:latest", images.OCI, images.Static},
		{"demo/foreign:latest", images.OCI, foreign},
		{"demo/empty:latest", images.OCI, empty},
	} {
		img, err := i.make(ctx, i.flavour)
		if err != nil {
			return fmt.Errorf("making %s: %w", i.name, err)
		}
		if err := images.Push(ctx, ref(i.name), img, authn.Anonymous); err != nil {
			return err
		}
	}
	return fillSpecial(ctx)
}

// fillSpecial pushes an index, the torture and the hostile images, and one for those who have
// the password.
func fillSpecial(ctx context.Context) error {
	index, err := images.MultiArchitecture(ctx, images.OCI, images.ForeignArchitecture(), hostArchitecture)
	if err != nil {
		return err
	}
	if err := images.PushIndex(ctx, ref("demo/multi:latest"), index); err != nil {
		return err
	}
	for name, flavour := range tortureNames {
		img, err := tortureImage(ctx, flavour)
		if err != nil {
			return err
		}
		if err := images.Push(ctx, ref(name), img, authn.Anonymous); err != nil {
			return err
		}
	}
	hostile, err := images.Hostile()
	if err != nil {
		return err
	}
	for _, bad := range hostile {
		if err := images.Push(ctx, ref("hostile/"+bad.Name+":latest"), bad.Image, authn.Anonymous); err != nil {
			return err
		}
	}
	static, err := images.Static(ctx, images.OCI)
	if err != nil {
		return err
	}
	login := &authn.Basic{Username: registryUser, Password: registryPassword}
	return images.Push(ctx, lab.private.Host+"/secret/static:latest", static, login)
}
