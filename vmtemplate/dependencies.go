//go:build dependencies

package vmtemplate

import (
	_ "charm.land/bubbletea/v2"
	_ "charm.land/huh/v2"
	_ "github.com/charmbracelet/x/vt"
	_ "github.com/creack/pty"
	_ "github.com/google/go-containerregistry/pkg/v1/remote"
	_ "github.com/klauspost/pgzip"
	_ "go.podman.io/buildah"
	_ "go.podman.io/buildah/imagebuildah"
)
