package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/squash/writer"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/manifest"
)

// testImage is an image of a few layers. The zero value of each field but
// layers gives a sound OCI image for this machine.
type testImage struct {
	layers       []testLayer
	docker       bool // Docker schema 2 instead of OCI
	architecture string
	diffIDs      []digest.Digest // instead of the right ones
	layerType    string          // media type of all layers, instead of the right one
	configType   string          // media type of the config, instead of the right one
}

type testLayer struct {
	tar      []byte
	compress string // gzip, zstd, none, or raw for tar as it is
}

func (l testLayer) blob() []byte {
	var b bytes.Buffer
	switch l.compress {
	case "gzip", "":
		w := gzip.NewWriter(&b)
		must(w.Write(l.tar))
		check(w.Close())
	case "zstd":
		w, err := zstd.NewWriter(&b)
		check(err)
		must(w.Write(l.tar))
		check(w.Close())
	default:
		return l.tar
	}
	return b.Bytes()
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func (img testImage) config() []byte {
	c := imgspec.Image{}
	c.Architecture, c.OS = runtime.GOARCH, "linux"
	if img.architecture != "" {
		c.Architecture = img.architecture
	}
	c.Config.Env = []string{"GREETING=hello"}
	c.Config.Cmd = []string{"/bin/true"}
	c.RootFS.Type = "layers"
	c.RootFS.DiffIDs = img.diffIDs
	if img.diffIDs == nil {
		for _, l := range img.layers {
			c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, digest.FromBytes(l.tar))
		}
	}
	return must(json.Marshal(c))
}

func (img testImage) manifestType() string {
	if img.docker {
		return manifest.DockerV2Schema2MediaType
	}
	return imgspec.MediaTypeImageManifest
}

func (img testImage) manifest() []byte {
	configType := imgspec.MediaTypeImageConfig
	if img.docker {
		configType = manifest.DockerV2Schema2ConfigMediaType
	}
	if img.configType != "" {
		configType = img.configType
	}
	m := imgspec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: img.manifestType()}
	m.Config = describe(img.config(), configType)
	m.Layers = []imgspec.Descriptor{}
	for _, l := range img.layers {
		m.Layers = append(m.Layers, describe(l.blob(), img.typeOf(l)))
	}
	return must(json.Marshal(m))
}

func (img testImage) typeOf(l testLayer) string {
	switch {
	case img.layerType != "":
		return img.layerType
	case img.docker:
		return manifest.DockerV2Schema2LayerMediaType
	case l.compress == "zstd":
		return imgspec.MediaTypeImageLayerZstd
	case l.compress == "none":
		return imgspec.MediaTypeImageLayer
	}
	return imgspec.MediaTypeImageLayerGzip
}

func (img testImage) digest() digest.Digest { return digest.FromBytes(img.manifest()) }

func (img testImage) blobs() [][]byte {
	blobs := [][]byte{img.config()}
	for _, l := range img.layers {
		blobs = append(blobs, l.blob())
	}
	return blobs
}

func describe(b []byte, mediaType string) imgspec.Descriptor {
	return imgspec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b))}
}

func indexOf(images []testImage) ([]byte, string) {
	mime := imgspec.MediaTypeImageIndex
	if images[0].docker {
		mime = manifest.DockerV2ListMediaType
	}
	index := imgspec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: mime}
	for _, img := range images {
		d := describe(img.manifest(), img.manifestType())
		d.Platform = &imgspec.Platform{OS: "linux", Architecture: img.architecture}
		if img.architecture == "" {
			d.Platform.Architecture = runtime.GOARCH
		}
		index.Manifests = append(index.Manifests, d)
	}
	return must(json.Marshal(index)), mime
}

// tarOf makes a tar of files from names and contents, in pairs.
func tarOf(pairs ...string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		check(w.WriteHeader(&tar.Header{Name: pairs[i], Mode: 0o644, Size: int64(len(pairs[i+1])), Typeflag: tar.TypeReg}))
		must(w.Write([]byte(pairs[i+1])))
	}
	check(w.Close())
	return b.Bytes()
}

// noise is n bytes that do not compress, the same each time.
func noise(n int) string {
	r := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	must(r.Read(b))
	return string(b)
}

// twoLayers is an ordinary image; the upper layer hides a file of the lower.
func twoLayers(compress string) testImage {
	return testImage{layers: []testLayer{
		{tar: tarOf("etc/name", "lower", "etc/gone", "hidden", "big", noise(200_000)), compress: compress},
		{tar: tarOf("etc/name", "upper", "etc/.wh.gone", ""), compress: compress},
	}}
}

// converted is the squashfs file that the image's layers make.
func (img testImage) converted(t testing.TB) []byte {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "expected.sqfs"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var layers []writer.Layer
	for _, l := range img.layers {
		layers = append(layers, func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(l.tar)), nil
		})
	}
	if _, err := writer.Write(t.Context(), f, layers, conversion); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// writeLayout makes an OCI layout in dir; tags name the images in order.
func writeLayout(t testing.TB, dir string, tags []string, images ...testImage) {
	t.Helper()
	index := imgspec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: imgspec.MediaTypeImageIndex}
	for i, img := range images {
		for _, b := range append(img.blobs(), img.manifest()) {
			writeFile(t, filepath.Join(dir, "blobs", "sha256", digest.FromBytes(b).Encoded()), b)
		}
		d := describe(img.manifest(), img.manifestType())
		d.Annotations = map[string]string{imgspec.AnnotationRefName: tags[i]}
		index.Manifests = append(index.Manifests, d)
	}
	writeFile(t, filepath.Join(dir, "index.json"), must(json.Marshal(index)))
	writeFile(t, filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`))
}

func writeFile(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func openStore(t testing.TB) *store.Store {
	t.Helper()
	st, err := store.Open(filepath.Join(t.TempDir(), "store"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// leftovers lists what is in the store besides complete objects.
func leftovers(t testing.TB, st *store.Store) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"*", ".*"} {
		paths, err := filepath.Glob(filepath.Join(st.Realm(), "objects", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			found = append(found, filepath.Base(p))
		}
	}
	objects, err := st.List()
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 3*len(objects) {
		return nil
	}
	return append(found, fmt.Sprintf("beside %d objects", len(objects)))
}
