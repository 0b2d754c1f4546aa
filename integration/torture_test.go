//go:build e2e

package integration

import (
	"context"
	"encoding/gob"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/jrun-hpc/jrun/integration/images"
	"github.com/jrun-hpc/jrun/integration/torture"
)

// tortureImage is package torture's layers and the probe on top.
func tortureImage(ctx context.Context, f images.Flavour) (v1.Image, error) {
	var layers []v1.Layer
	for _, tar := range torture.Layers() {
		layer, err := images.NewLayer(f, tar)
		if err != nil {
			return nil, err
		}
		layers = append(layers, layer)
	}
	static, err := images.Static(ctx, f)
	if err != nil {
		return nil, err
	}
	probe, err := static.Layers()
	if err != nil {
		return nil, err
	}
	return images.Compose(f, v1.Config{}, append(layers, probe...)...)
}

var tortureNames = map[string]images.Flavour{
	"demo/torture:docker": images.Docker, "demo/torture:zstd": images.OCIZstd, "demo/torture:tar": images.OCITar,
}

// TestTortureFile converts the torture image from a registry and reads the
// file with the kernel.
func TestTortureFile(t *testing.T) {
	needRoot(t, "mounts with the kernel")
	for name := range tortureNames {
		t.Run(name, func(t *testing.T) {
			s := freshSession(t)
			s.ok("pull", "-q", ref(name))
			mount := filepath.Join(s.dir, "mount")
			if err := os.Mkdir(mount, 0o700); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("mount", "-t", "squashfs", "-o", "loop,ro", objects(s)[0], mount).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			defer exec.Command("umount", mount).Run()
			got, err := torture.Walk(mount)
			if err != nil {
				t.Fatal(err)
			}
			delete(got, "probe")
			if diff := cmp.Diff(torture.Expected(), got); diff != "" {
				t.Errorf("files of the torture image (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTortureInside looks at the torture image from inside. As root of the
// sandbox every file can be read, and all belong to root.
func TestTortureInside(t *testing.T) {
	s := newSession(t)
	want := map[string]map[string]torture.File{}
	args := []string{"run", "-q", "--root", ref("demo/torture:docker"), "--", "/probe", "--walk"}
	for name, file := range torture.Expected() {
		if name == "." {
			continue // has what jrun adds to every image
		}
		dir, rest, found := strings.Cut(name, "/")
		dir = "/" + dir
		if !found {
			rest = "."
		}
		if want[dir] == nil {
			want[dir] = map[string]torture.File{}
			args = append(args, dir)
		}
		file.UID, file.GID = 0, 0
		// No user namespace may see attributes of this kind.
		file.Xattrs = maps.Clone(file.Xattrs)
		maps.DeleteFunc(file.Xattrs, func(name, _ string) bool { return strings.HasPrefix(name, "trusted.") })
		if len(file.Xattrs) == 0 {
			file.Xattrs = nil
		}
		want[dir][rest] = file
	}
	var got map[string]map[string]torture.File
	if err := gob.NewDecoder(strings.NewReader(s.run(args...).want(0).stdout)).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files of the torture image (-want +got):\n%s", diff)
	}
}
