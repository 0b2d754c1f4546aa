//go:build e2e

package builder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/jrun-hpc/jrun/integration/debrepo"
	"github.com/jrun-hpc/jrun/integration/images"
	"github.com/jrun-hpc/jrun/integration/ordinary"
	"github.com/jrun-hpc/jrun/integration/registry"
)

// lab is what all tests use.
var lab struct {
	dir          string
	jbuild, jrun string
	plain        *ordinary.Account // no subordinate ids
	ranges       *ordinary.Account // with subordinate ids; nil where there is none
	registry     *registry.Server
	packages     *debrepo.Repository
}

// base is an image of the distribution with apt.
const base = "base/debian:12"

func TestMain(m *testing.M) {
	ordinary.DefaultSignals()
	status, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func runTests(m *testing.M) (status int, err error) {
	ctx := context.Background()
	for name, path := range map[string]*string{"jbuild": &lab.jbuild, "jrun": &lab.jrun} {
		if *path, err = filepath.Abs(filepath.Join("../../bin", name)); err != nil {
			return 0, err
		}
		if _, err := os.Stat(*path); err != nil {
			return 0, fmt.Errorf("%w: run make build first", err)
		}
	}
	if lab.plain, err = ordinary.Current(cmp.Or(os.Getenv("JBUILD_TEST_USER"), "jbuild-test")); err != nil {
		return 0, err
	}
	if os.Getuid() == 0 {
		if lab.ranges, err = ordinary.Current(cmp.Or(os.Getenv("JBUILD_TEST_USER2"), "jbuild-test2")); err != nil {
			return 0, err
		}
		if err := errors.Join(lab.plain.EndAll(), lab.ranges.EndAll()); err != nil {
			return 0, err
		}
	}
	// Not below /tmp, which may be small, and which jobs of jrun see.
	if lab.dir, err = os.MkdirTemp("/var/tmp", "jbuild-test-"); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(lab.dir)) }()
	if err := os.Chmod(lab.dir, 0o755); err != nil {
		return 0, err
	}
	if lab.registry, err = registry.Start(ctx, filepath.Join(lab.dir, "registry"), ""); err != nil {
		return 0, err
	}
	defer lab.registry.Stop()
	if lab.packages, err = debrepo.Start(filepath.Join(lab.dir, "packages")); err != nil {
		return 0, err
	}
	defer lab.packages.Stop()
	if err := push(ctx, base, images.Apt); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

func push(ctx context.Context, name string, maker func(context.Context, images.Flavour) (v1.Image, error)) error {
	img, err := maker(ctx, images.Docker)
	if err != nil {
		return fmt.Errorf("making %s: %w", name, err)
	}
	return images.Push(ctx, ref(name), img, authn.Anonymous)
}

// ref is the reference of an image in the lab's registry.
func ref(name string) string { return lab.registry.Host + "/" + name }
