package image

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/store"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
)

func TestEnsureMakesWhatTheLayersSay(t *testing.T) {
	reg := newRegistry(t)
	for _, docker := range []bool{false, true} {
		for _, compress := range []string{"gzip", "zstd", "none"} {
			name := "oci-" + compress
			if docker {
				name = "docker-" + compress
			}
			t.Run(name, func(t *testing.T) {
				img := twoLayers(compress)
				img.docker = docker
				ref := reg.push(t, "demo/"+name, "1", img)
				st := openStore(t)
				object, converted, err := NewClient(Options{Converter: "test"}).Ensure(t.Context(), st, ref, nil)
				if err != nil {
					t.Fatal(err)
				}
				if !converted || object.Digest != img.digest() {
					t.Errorf("converted %v into %s, want true into %s", converted, object.Digest, img.digest())
				}
				got, err := os.ReadFile(object.Path)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, img.converted(t)) {
					t.Error("the object is not what the layers' tars give")
				}
				if diff := cmp.Diff([]string{"GREETING=hello"}, object.Meta.Config.Config.Env); diff != "" {
					t.Error(diff)
				}
				again, err := st.Get(img.digest())
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(object.Meta.Layers, again.Meta.Layers); diff != "" || len(again.Meta.Layers) != 2 {
					t.Errorf("layers read back: %s", diff)
				}
				if left := leftovers(t, st); left != nil {
					t.Errorf("left behind: %v", left)
				}
			})
		}
	}
}

// TestWarmRequests is where the numbers in doc.go come from.
func TestWarmRequests(t *testing.T) {
	reg := newRegistry(t)
	ref := reg.push(t, "demo/warm", "1", twoLayers("gzip"))
	st := openStore(t)
	client := NewClient(Options{})
	if _, _, err := client.Ensure(t.Context(), st, ref, nil); err != nil {
		t.Fatal(err)
	}
	cold := reg.take()
	if _, converted, err := client.Ensure(t.Context(), st, ref, nil); err != nil || converted {
		t.Fatalf("warm: converted %v, %v", converted, err)
	}
	want := []string{"HEAD /v2/demo/warm/manifests/1"}
	if diff := cmp.Diff(want, reg.take()); diff != "" {
		t.Errorf("requests of a warm Ensure: %s", diff)
	}
	if len(cold) != 1+2+1+2 { // as above, image/v5's ping, manifest, config, two layers
		t.Errorf("requests of a cold Ensure: %v", cold)
	}

	// A digest is asked about, too: whether this user may have it.
	pinned := mustParse(t, strings.TrimSuffix(ref.String(), ":1")+"@"+twoLayers("gzip").digest().String())
	if _, converted, err := client.Ensure(t.Context(), st, pinned, nil); err != nil || converted {
		t.Fatalf("by digest: converted %v, %v", converted, err)
	}
	if diff := cmp.Diff([]string{"HEAD /v2/demo/warm/manifests/" + twoLayers("gzip").digest().String()}, reg.take()); diff != "" {
		t.Errorf("requests for a digest that is in the store: %s", diff)
	}
}

func TestEnsureFollowsATag(t *testing.T) {
	reg := newRegistry(t)
	st := openStore(t)
	client := NewClient(Options{})
	first, second := twoLayers("gzip"), twoLayers("zstd")
	ref := reg.push(t, "demo/moving", "1", first)
	for _, img := range []testImage{first, second} {
		reg.push(t, "demo/moving", "1", img)
		object, _, err := client.Ensure(t.Context(), st, ref, nil)
		if err != nil {
			t.Fatal(err)
		}
		if object.Digest != img.digest() {
			t.Errorf("got %s, want %s", object.Digest, img.digest())
		}
	}
	known, err := st.Ref(ref.String())
	if err != nil {
		t.Fatal(err)
	}
	if known.Digest != second.digest() {
		t.Errorf("the store says that %s is %s, want %s", ref, known.Digest, second.digest())
	}
}

func TestEnsureChoosesFromAnIndex(t *testing.T) {
	reg := newRegistry(t)
	for _, docker := range []bool{false, true} {
		ours, other := twoLayers("gzip"), twoLayers("zstd")
		other.architecture = "mips64le"
		ours.docker, other.docker = docker, docker
		ref := reg.push(t, "demo/many", "1", other, ours)
		st := openStore(t)
		client := NewClient(Options{})
		object, _, err := client.Ensure(t.Context(), st, ref, nil)
		if err != nil {
			t.Fatal(err)
		}
		if object.Digest != ours.digest() {
			t.Errorf("docker %v: got %s, want %s", docker, object.Digest, ours.digest())
		}
		reg.take()
		if _, converted, err := client.Ensure(t.Context(), st, ref, nil); err != nil || converted {
			t.Fatalf("docker %v: warm: converted %v, %v", docker, converted, err)
		}
		if got := len(reg.take()); got != 1 {
			t.Errorf("docker %v: a warm Ensure of an index made %d requests, want 1", docker, got)
		}
	}
}

func TestEnsureRefusesOtherPlatforms(t *testing.T) {
	reg := newRegistry(t)
	mips, sparc := twoLayers("gzip"), twoLayers("zstd")
	mips.architecture, sparc.architecture = "mips64le", "sparc64"
	tests := map[string]struct {
		ref  Reference
		have []store.Platform
	}{
		"single manifest": {reg.push(t, "demo/mips", "1", mips), []store.Platform{{OS: "linux", Architecture: "mips64le"}}},
		"index": {reg.push(t, "demo/both", "1", mips, sparc), []store.Platform{
			{OS: "linux", Architecture: "mips64le"}, {OS: "linux", Architecture: "sparc64"},
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			st := openStore(t)
			_, _, err := NewClient(Options{}).Ensure(t.Context(), st, tt.ref, nil)
			var platform *PlatformError
			if !errors.As(err, &platform) || !isFault(err) {
				t.Fatalf("got %v, want a fault about the platform", err)
			}
			if diff := cmp.Diff(tt.have, platform.Have); diff != "" {
				t.Error(diff)
			}
			if left := leftovers(t, st); left != nil {
				t.Errorf("left behind: %v", left)
			}
		})
	}
	t.Run("asked for", func(t *testing.T) {
		client := NewClient(Options{Architecture: "sparc64"})
		object, _, err := client.Ensure(t.Context(), openStore(t), tests["index"].ref, nil)
		if err != nil {
			t.Fatal(err)
		}
		if object.Digest != sparc.digest() {
			t.Errorf("got %s, want %s", object.Digest, sparc.digest())
		}
	})
}

func TestEnsureMendsADamagedObject(t *testing.T) {
	reg := newRegistry(t)
	img := twoLayers("gzip")
	ref := reg.push(t, "demo/damaged", "1", img)
	st := openStore(t)
	client := NewClient(Options{})
	object, _, err := client.Ensure(t.Context(), st, ref, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(object.Path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(object.Path, 100); err != nil {
		t.Fatal(err)
	}
	object, converted, err := client.Ensure(t.Context(), st, ref, nil)
	if err != nil || !converted {
		t.Fatalf("converted %v, %v", converted, err)
	}
	got, err := os.ReadFile(object.Path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, img.converted(t)) {
		t.Error("the object is still damaged")
	}
}

func TestEnsureTellsProgress(t *testing.T) {
	reg := newRegistry(t)
	img := twoLayers("gzip")
	ref := reg.push(t, "demo/progress", "1", img)
	var phases []Phase
	var last Event
	_, _, err := NewClient(Options{}).Ensure(t.Context(), openStore(t), ref, func(e Event) {
		if len(phases) == 0 || phases[len(phases)-1] != e.Phase {
			phases = append(phases, e.Phase)
		}
		if e.DoneBytes < last.DoneBytes || e.Layer < last.Layer {
			t.Errorf("progress went back from %+v to %+v", last, e)
		}
		last = e
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Phase{Resolving, Fetching, Converting, Publishing}, phases); diff != "" {
		t.Error(diff)
	}
	if last.DoneBytes != last.AllBytes || last.AllBytes == 0 || last.Layer != 2 || last.Layers != 2 {
		t.Errorf("last event %+v is not the end", last)
	}
}

func TestQualify(t *testing.T) {
	dir := t.TempDir()
	conf := func(name, content string) string {
		path := filepath.Join(dir, name)
		writeFile(t, path, []byte(content))
		return path
	}
	one := conf("one.conf", `unqualified-search-registries = ["reg.example:5000"]`)
	two := conf("two.conf", `unqualified-search-registries = ["a.example", "b.example"]`)
	none := conf("none.conf", "")
	tests := []struct{ name, conf, defaultRegistry, in, want string }{
		{"one search registry", one, "", "team/app:1", "reg.example:5000/team/app:1"},
		{"the default wins", one, "harbor.example", "app", "harbor.example/app:latest"},
		{"a default with a path", none, "harbor.example/lab", "app@sha256:" + strings.Repeat("a", 64), "harbor.example/lab/app@sha256:" + strings.Repeat("a", 64)},
		{"docker's own", none, "docker.io", "ubuntu:24.04", "docker.io/library/ubuntu:24.04"},
		{"two search registries", two, "", "app", ""},
		{"none", none, "", "app", ""},
		{"a full name stays", two, "harbor.example", "reg.example/app:2", "reg.example/app:2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			useRegistriesConf(t, tt.conf)
			got, err := NewClient(Options{DefaultRegistry: tt.defaultRegistry}).qualify(mustParse(t, tt.in))
			if tt.want == "" {
				if !errors.Is(err, ErrNoRegistry) || !isFault(err) {
					t.Fatalf("got %v, %v; want a fault that wraps ErrNoRegistry", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestMirror(t *testing.T) {
	mirror := newRegistry(t)
	img := twoLayers("gzip")
	mirror.push(t, "copies/app", "1", img)
	conf := filepath.Join(t.TempDir(), "registries.conf")
	writeFile(t, conf, []byte(`
[[registry]]
prefix = "127.0.0.1:1/team"
location = "127.0.0.1:1/team"
[[registry.mirror]]
location = "`+mirror.host+`/copies"
`))
	useRegistriesConf(t, conf)
	object, _, err := NewClient(Options{}).Ensure(t.Context(), openStore(t), mustParse(t, "127.0.0.1:1/team/app:1"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if object.Digest != img.digest() {
		t.Errorf("got %s, want %s", object.Digest, img.digest())
	}
	if got := mirror.take(); !slices.Contains(got, "GET /v2/copies/app/manifests/1") {
		t.Errorf("the mirror saw %v", got)
	}
}

// useRegistriesConf makes path the only registries.conf until the test ends.
func useRegistriesConf(t *testing.T, path string) {
	t.Helper()
	t.Cleanup(sysregistriesv2.InvalidateCache)
	t.Setenv("CONTAINERS_REGISTRIES_CONF", path)
	sysregistriesv2.InvalidateCache()
}

// wantFault makes sure that a person can act on err.
func wantFault(t testing.TB, err error) *fault.Error {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("got %v (%T), want a fault", err, err)
	}
	if f.What == "" || f.Why == nil || f.Next == "" {
		t.Errorf("the fault is not complete:\n%s", fault.Format("jrun", err))
	}
	return f
}
