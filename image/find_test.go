package image

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

func TestFindAsksNobody(t *testing.T) {
	reg := newRegistry(t)
	img := twoLayers("gzip")
	other := twoLayers("zstd")
	other.architecture = "mips64le"
	ref := reg.push(t, "demo/find", "1", img, other)
	st := openStore(t)
	client := NewClient(Options{DefaultRegistry: reg.host})
	if _, err := client.Find(st, ref); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("before: %v", err)
	}
	if _, _, err := client.Ensure(t.Context(), st, ref, nil); err != nil {
		t.Fatal(err)
	}
	reg.take()
	index, _ := indexOf([]testImage{img, other})
	for _, name := range []string{
		ref.String(), "demo/find:1",
		reg.host + "/demo/find@" + digest.FromBytes(index).String(),
		reg.host + "/demo/find@" + img.digest().String(),
	} {
		object, err := client.Find(st, mustParse(t, name))
		if err != nil || object.Digest != img.digest() {
			t.Errorf("%s: %s, %v", name, object.Digest, err)
		}
	}
	if _, err := client.Find(st, mustParse(t, "demo/find:2")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another tag: %v", err)
	}
	if asked := reg.take(); len(asked) != 0 {
		t.Errorf("requests: %v", asked)
	}
}

// TestLocalNamesMeanTheSameEverywhere: two directories of one relative name
// are two images.
func TestLocalNamesMeanTheSameEverywhere(t *testing.T) {
	st := openStore(t)
	client := NewClient(Options{})
	dir := t.TempDir()
	ref := mustParse(t, "oci:layout:1")
	for i, compress := range []string{"gzip", "zstd"} {
		there := filepath.Join(dir, compress)
		writeLayout(t, filepath.Join(there, "layout"), []string{"1"}, twoLayers(compress))
		t.Chdir(there)
		if _, err := client.Find(st, ref); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("directory %d: %v", i, err)
		}
		if _, _, err := client.Ensure(t.Context(), st, ref, nil); err != nil {
			t.Fatal(err)
		}
		object, err := client.Find(st, ref)
		if err != nil || object.Digest != twoLayers(compress).digest() {
			t.Errorf("directory %d: %s, %v", i, object.Digest, err)
		}
	}
}

// TestRegistryWithoutDigestHeader: some send none with HEAD.
func TestRegistryWithoutDigestHeader(t *testing.T) {
	reg := newRegistry(t)
	img := twoLayers("gzip")
	ref := reg.push(t, "demo/silent", "1", img)
	reg.misbehave(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		return r.Method == http.MethodHead && strings.Contains(r.URL.Path, "/manifests/") // an empty 200
	})
	resolved, err := NewClient(Options{}).Resolve(t.Context(), nil, ref)
	if err != nil || resolved.Digest != img.digest() {
		t.Errorf("got %s, %v; want %s", resolved.Digest, err, img.digest())
	}
}

func TestMissingLayer(t *testing.T) {
	reg := newRegistry(t)
	img := twoLayers("gzip")
	ref := reg.push(t, "demo/holes", "1", img)
	reg.misbehave(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if !strings.Contains(r.URL.Path, digest.FromBytes(img.layers[1].blob()).Encoded()) {
			return false
		}
		answer(w, http.StatusNotFound, "BLOB_UNKNOWN", "blob unknown to registry")
		return true
	})
	st := openStore(t)
	_, _, err := NewClient(Options{}).Ensure(t.Context(), st, ref, nil)
	if f := wantFault(t, err); !strings.Contains(f.What, "is missing in the registry") {
		t.Errorf("it says %q", f.What)
	}
	if left := leftovers(t, st); left != nil {
		t.Errorf("left behind: %v", left)
	}
}
