package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/jrun-hpc/jrun/squash"
	"github.com/opencontainers/go-digest"
	ocilayout "go.podman.io/image/v5/oci/layout"
)

// tarDirectory packs the files under dir as oci-archive has them.
func tarDirectory(t testing.TB, dir, to string) {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	writeFile(t, to, b.Bytes())
}

// localImages puts one image into each kind of local place.
func localImages(t testing.TB, dir string, img testImage) map[string]string {
	t.Helper()
	writeLayout(t, filepath.Join(dir, "layout"), []string{"1"}, img)
	tarDirectory(t, filepath.Join(dir, "layout"), filepath.Join(dir, "oci.tar"))
	path, err := layout.FromPath(filepath.Join(dir, "layout"))
	if err != nil {
		t.Fatal(err)
	}
	h, err := v1.NewHash(img.digest().String())
	if err != nil {
		t.Fatal(err)
	}
	same, err := path.Image(h)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag("demo/app:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(filepath.Join(dir, "docker.tar"), tag, same); err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"oci":            "oci:" + dir + "/layout:1",
		"oci, no tag":    "oci:" + dir + "/layout",
		"oci-archive":    "oci-archive:" + dir + "/oci.tar:1",
		"docker-archive": "docker-archive:" + dir + "/docker.tar:index.docker.io/demo/app:1",
		"docker, no ref": "docker-archive:" + dir + "/docker.tar",
	}
}

func TestEnsureFromLocalPlaces(t *testing.T) {
	for _, compress := range []string{"gzip", "none"} {
		img := twoLayers(compress)
		for name, s := range localImages(t, t.TempDir(), img) {
			t.Run(name+" "+compress, func(t *testing.T) {
				st := openStore(t)
				ref := mustParse(t, s)
				client := NewClient(Options{})
				object, converted, err := client.Ensure(t.Context(), st, ref, nil)
				if err != nil || !converted {
					t.Fatalf("converted %v, %v", converted, err)
				}
				got, err := os.ReadFile(object.Path)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, img.converted(t)) {
					t.Error("the object is not what the layers' tars give")
				}
				resolved, err := client.Resolve(t.Context(), nil, ref)
				if err != nil {
					t.Fatal(err)
				}
				if resolved.Digest != object.Digest {
					t.Errorf("resolved to %s and made %s", resolved.Digest, object.Digest)
				}
				if _, converted, err := client.Ensure(t.Context(), st, ref, nil); err != nil || converted {
					t.Errorf("warm: converted %v, %v", converted, err)
				}
				if left := leftovers(t, st); left != nil {
					t.Errorf("left behind: %v", left)
				}
			})
		}
	}
}

func TestEnsureRefusesBadLocalPlaces(t *testing.T) {
	dir := t.TempDir()
	img := twoLayers("gzip")
	localImages(t, dir, img)
	writeLayout(t, dir+"/two", []string{"1", "2"}, img, twoLayers("zstd"))

	writeLayout(t, dir+"/swapped", []string{"1"}, img)
	writeFile(t, dir+"/swapped/blobs/sha256/"+img.digest().Encoded(), twoLayers("zstd").manifest())
	tarDirectory(t, dir+"/swapped", dir+"/swapped.tar")
	writeLayout(t, dir+"/torn", []string{"1"}, img)
	layer := dir + "/torn/blobs/sha256/" + digest.FromBytes(img.layers[0].blob()).Encoded()
	if err := os.Truncate(layer, 1000); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(dir + "/docker.tar")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, dir+"/short.tar", whole[:len(whole)/2])
	writeFile(t, dir+"/text", []byte("this is no archive"))

	tests := []struct {
		name, ref string
		is        func(error) bool
	}{
		{"layout missing", "oci:" + dir + "/none:1", is(fs.ErrNotExist)},
		{"layout without that tag", "oci:" + dir + "/layout:2", as[ocilayout.ImageNotFoundError]},
		{"layout with several", "oci:" + dir + "/two", is(ocilayout.ErrMoreThanOneImage)},
		{"layout with another manifest under the name", "oci:" + dir + "/swapped:1", as[*DigestError]},
		{"archive with another manifest under the name", "oci-archive:" + dir + "/swapped.tar:1", as[*DigestError]},
		{"layout with a torn layer", "oci:" + dir + "/torn:1", as[*SizeError]},
		{"oci-archive missing", "oci-archive:" + dir + "/none.tar", isFault},
		{"oci-archive that is text", "oci-archive:" + dir + "/text", isFault},
		{"docker-archive missing", "docker-archive:" + dir + "/none.tar", is(fs.ErrNotExist)},
		{"docker-archive cut short", "docker-archive:" + dir + "/short.tar", isFault},
		{"docker-archive that is text", "docker-archive:" + dir + "/text", isFault},
		{"squashfs missing", dir + "/none.sqfs", is(fs.ErrNotExist)},
		{"squashfs that is text", dir + "/text", is(squash.ErrCorrupt)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			st := openStore(t)
			_, _, err := NewClient(Options{}).Ensure(t.Context(), st, mustParse(t, tt.ref), nil)
			wantFault(t, err)
			if !tt.is(err) {
				t.Errorf("got %v, which has not the cause expected", err)
			}
			if left := leftovers(t, st); left != nil {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestEnsureTakesASquashfsFileAsItIs(t *testing.T) {
	dir := t.TempDir()
	img := twoLayers("gzip")
	writeLayout(t, dir+"/layout", []string{"1"}, img)
	st := openStore(t)
	client := NewClient(Options{})
	object, _, err := client.Ensure(t.Context(), st, mustParse(t, "oci:"+dir+"/layout"), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(object.Path)
	if err != nil {
		t.Fatal(err)
	}
	file := dir + "/my.sqfs"
	writeFile(t, file, b)

	bare, converted, err := client.Ensure(t.Context(), nil, mustParse(t, file), nil)
	if err != nil || converted {
		t.Fatalf("converted %v, %v", converted, err)
	}
	if bare.Path != file || bare.Digest != "" || len(bare.Meta.Config.Config.Env) != 0 {
		t.Errorf("a file without sidecar became %+v", bare)
	}
	sidecar, err := os.ReadFile(strings.TrimSuffix(object.Path, ".sqfs") + ".json")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, dir+"/my.json", sidecar)
	known, _, err := client.Ensure(t.Context(), nil, mustParse(t, file), nil)
	if err != nil {
		t.Fatal(err)
	}
	if known.Digest != img.digest() || len(known.Meta.Config.Config.Env) != 1 {
		t.Errorf("a file with its sidecar became %+v", known)
	}

	for _, damaged := range []string{"", "{", `{"version": 0}`, `{"digest": "sha256:1"}`, string(sidecar[:100])} {
		writeFile(t, dir+"/my.json", []byte(damaged))
		_, _, err = client.Ensure(t.Context(), nil, mustParse(t, file), nil)
		wantFault(t, err)
	}
	for _, foreign := range []string{"{}", "[1, 2]", `{"energy": -3}`, "7"} {
		writeFile(t, dir+"/my.json", []byte(foreign))
		if bare, _, err = client.Ensure(t.Context(), nil, mustParse(t, file), nil); err != nil || bare.Digest != "" {
			t.Errorf("beside %s: %+v, %v", foreign, bare.Digest, err)
		}
	}
	writeFile(t, dir+"/short.sqfs", b[:len(b)-5000])
	_, _, err = client.Ensure(t.Context(), nil, mustParse(t, dir+"/short.sqfs"), nil)
	if wantFault(t, err); !errors.Is(err, squash.ErrCorrupt) {
		t.Errorf("a short file: %v", err)
	}
}
