//go:build dependencies

package vmtemplate

import (
	_ "github.com/google/go-containerregistry/pkg/v1/remote"
	_ "github.com/klauspost/pgzip"
	_ "go.podman.io/buildah"
	_ "go.podman.io/buildah/imagebuildah"
)
