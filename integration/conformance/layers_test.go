package conformance

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// umociView unpacks layers as umoci understands them.
func umociView(t *testing.T, tars [][]byte) folder {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("unpacking owners and devices needs root")
	}
	if _, err := exec.LookPath("umoci"); err != nil {
		t.Skip("umoci is not installed: integration/setup.sh test")
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, content := range tars {
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(content)), nil
		}, tarball.WithMediaType(types.OCILayer))
		if err != nil {
			t.Fatal(err)
		}
		if image, err = mutate.AppendLayers(image, layer); err != nil {
			t.Fatal(err)
		}
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	if image, err = mutate.ConfigFile(image, config); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path, err := layout.Write(filepath.Join(dir, "layout"), empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	name := layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "it"})
	if err := path.AppendImage(image, name); err != nil {
		t.Fatal(err)
	}
	bundle := filepath.Join(dir, "bundle")
	out, err := exec.Command("umoci", "unpack", "--image", filepath.Join(dir, "layout")+":it", bundle).CombinedOutput()
	if err != nil {
		t.Fatalf("umoci: %v\n%s", err, out)
	}
	return folder{"umoci", filepath.Join(bundle, "rootfs"), []func(*entry){blindToHoles, blindToDirTimes}}
}
