package bundle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/opencontainers/go-digest"
)

func digestOf(t testing.TB, l v1.Layer) digest.Digest {
	t.Helper()
	return digest.Digest(must(l.Digest()).String())
}

func formatted(err error) string {
	if err == nil {
		return ""
	}
	return fault.Format("jadm", err)
}

// reseal computes the sums of a bundle anew, as somebody who has changed it would.
func reseal(t testing.TB, dir string) {
	t.Helper()
	sums, tags := map[string]string{}, map[string]string{}
	var size int
	for name, text := range contents(t, dir) {
		if strings.HasPrefix(name, dataDir+"/") {
			sums[name] = hexSum([]byte(text))
			size += len(text)
		}
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(manifestFile, sumList(sums))
	write(infoFile, fmt.Sprintf("Payload-Oxum: %d.%d\n", size, len(sums)))
	for _, name := range tagFiles {
		tags[name] = hexSum(must(os.ReadFile(filepath.Join(dir, name))))
	}
	write(tagManifestFile, sumList(tags))
}

func TestVerifyFinds(t *testing.T) {
	replace := func(name, old, with string) func(testing.TB, *world, string) {
		return func(t testing.TB, _ *world, dir string) {
			text := string(must(os.ReadFile(filepath.Join(dir, name))))
			if !strings.Contains(text, old) {
				t.Fatalf("%s has no %q", name, old)
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Replace(text, old, with, 1)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	layer := func(t testing.TB, w *world, dir string) string {
		return filepath.Join(dir, blobFile(digestOf(t, w.shared)))
	}
	sealed := func(change func(testing.TB, *world, string)) func(testing.TB, *world, string) {
		return func(t testing.TB, w *world, dir string) {
			change(t, w, dir)
			reseal(t, dir)
		}
	}
	tests := []struct {
		name   string
		change func(testing.TB, *world, string)
		says   string
	}{
		{"a flipped bit in a layer", func(t testing.TB, w *world, dir string) {
			b := must(os.ReadFile(layer(t, w, dir)))
			b[100] ^= 4
			_ = os.WriteFile(layer(t, w, dir), b, 0o644)
		}, "its SHA-256 sum is"},
		{"a flipped bit in a layer, sealed", sealed(func(t testing.TB, w *world, dir string) {
			b := must(os.ReadFile(layer(t, w, dir)))
			b[100] ^= 4
			_ = os.WriteFile(layer(t, w, dir), b, 0o644)
		}), "it has another sum of data/images/blobs/sha256/"},
		{"a layer cut short, sealed", sealed(func(t testing.TB, w *world, dir string) { _ = os.Truncate(layer(t, w, dir), 5) }), "it has 5 bytes"},
		{"a layer that is a hole of 8 TiB", func(t testing.TB, w *world, dir string) { _ = os.Truncate(layer(t, w, dir), 8<<40) }, "it has 8796093022208 bytes"},
		{"a layer that is missing", func(t testing.TB, w *world, dir string) { _ = os.Remove(layer(t, w, dir)) }, "it is missing"},
		{"a layer that is missing, sealed", sealed(func(t testing.TB, w *world, dir string) { _ = os.Remove(layer(t, w, dir)) }), "it is missing, and 20260001/app:1 needs it"},
		{"a manifest that is missing, sealed", sealed(func(_ testing.TB, w *world, dir string) { _ = os.Remove(filepath.Join(dir, blobFile(w.child))) }), "cannot be followed to its end"},
		{"a file beside", func(_ testing.TB, _ *world, dir string) {
			_ = os.WriteFile(filepath.Join(dir, "data", "x"), nil, 0o644)
		}, "manifest-sha256.txt does not have it"},
		{"a file at the top", func(_ testing.TB, _ *world, dir string) { _ = os.WriteFile(filepath.Join(dir, "x"), nil, 0o644) }, "x: manifest-sha256.txt does not have it"},
		{"a blob of nobody, sealed", sealed(func(_ testing.TB, _ *world, dir string) {
			_ = os.WriteFile(filepath.Join(dir, imagesDir, "blobs/sha256/x"), nil, 0o644)
		}), "it belongs to no image"},
		{"a link", func(t testing.TB, w *world, dir string) {
			_ = os.Remove(layer(t, w, dir))
			_ = os.Symlink("/etc/passwd", layer(t, w, dir))
		}, "it is no regular file"},
		{"a link to a directory", func(_ testing.TB, _ *world, dir string) {
			_ = os.Rename(filepath.Join(dir, "data"), filepath.Join(dir, "../moved"))
			_ = os.Symlink("../moved", filepath.Join(dir, "data"))
		}, "data: it is no regular file"},
		{"a pipe", func(_ testing.TB, _ *world, dir string) {
			_ = os.Remove(filepath.Join(dir, bundleFile))
			_ = syscall.Mkfifo(filepath.Join(dir, bundleFile), 0o644)
		}, "it is no regular file"},
		{"a path out of the bag", replace(manifestFile, "data/bundle.json", "data/../../../etc/passwd"), "is no path in a bag"},
		{"an absolute path", replace(manifestFile, "data/bundle.json", "/etc/passwd"), "is no path in a bag"},
		{"no bag", replace(bagFile, "1.0", "0.1"), "BagIt-Version"},
		{"another size", replace(infoFile, "Payload-Oxum: ", "Payload-Oxum: 9"), "another Payload-Oxum"},
		{"a tag that stands for something else, sealed", sealed(replace(indexFile, `"org.opencontainers.image.ref.name": "20260001/app:1"`, `"org.opencontainers.image.ref.name": "20260001/app:3"`)), `"20260001/app:3" stands for`},
		{"a tag that only bundle.json has, sealed", sealed(replace(bundleFile, `"20260001/app:1"`, `"20260001/app:9"`)), `the names of 20260001/app:1 are not those`},
		{"a path in bundle.json, sealed", sealed(replace(bundleFile, `"repository": "20260001/app"`, `"repository": "../../x"`)), "is no name of a repository"},
		{"a digest in bundle.json, sealed", sealed(replace(bundleFile, `"digest": "sha256:`, `"digest": "sha256:../`)), "is no digest"},
		{"another version, sealed", sealed(replace(bundleFile, `"version": 1`, `"version": 2`)), "has version 2"},
		{"no layout, sealed", sealed(replace(layoutFile, "1.0.0", "7")), "it does not say version"},
		{"no sums at all", func(_ testing.TB, _ *world, dir string) { _ = os.Remove(filepath.Join(dir, manifestFile)) }, "manifest-sha256.txt: no such file"},
		{"sums of fewer files", replace(tagManifestFile, "bagit.txt", "other.txt"), "it has the sums of"},
		{"a recipe that is missing, sealed", sealed(func(_ testing.TB, _ *world, dir string) { _ = os.RemoveAll(filepath.Join(dir, recipesDir)) }), "the recipe of 20260001/app:1 is missing"},
		{"a record that is missing, sealed", sealed(func(_ testing.TB, _ *world, dir string) { _ = os.RemoveAll(filepath.Join(dir, provenanceDir)) }), "it is missing"},
		{"no bundle.json, sealed", sealed(func(_ testing.TB, _ *world, dir string) { _ = os.Remove(filepath.Join(dir, bundleFile)) }), "no such file"},
	}
	w, sound := bundled(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "b")
			if err := os.CopyFS(dir, os.DirFS(sound)); err != nil {
				t.Fatal(err)
			}
			tt.change(t, w, dir)
			_, err := Verify(t.Context(), dir)
			var damage *DamageError
			if !errors.As(err, &damage) {
				t.Fatalf("got %v, which is no damage", err)
			}
			if !slices.ContainsFunc(damage.Problems, func(p Problem) bool { return strings.Contains(p.File+": "+p.Why, tt.says) }) {
				t.Errorf("none of %q says %q", damage.Problems, tt.says)
			}
		})
	}
}

func TestReseal(t *testing.T) {
	_, dir := bundled(t)
	reseal(t, dir)
	if _, err := Verify(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
}

// TestVerifyDeep: a layer that is what its digest says, and not what the config says.
func TestVerifyDeep(t *testing.T) {
	w := newWorld(t)
	one, two := w.image(nil, w.layer(30)), w.image(nil, w.layer(40))
	config := must(one.RawConfigFile())
	other := must(must(two.Layers())[0].Digest())
	name := w.project + "/wrong"
	w.fake.Push(name, "", one)
	w.fake.Push(name, "", two)
	w.fake.PushManifest(name, "1", "application/vnd.oci.image.manifest.v1+json", fmt.Appendf(nil,
		`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":%q,"size":%d}]}`,
		digest.FromBytes(config), len(config), other.String(), must(must(two.Layers())[0].Size())))
	dir := filepath.Join(t.TempDir(), "b")
	if _, err := Make(t.Context(), dir, w.request()); err != nil {
		t.Fatal(err)
	}
	_, err := VerifyWith(t.Context(), dir, VerifyRequest{Deep: true})
	if err == nil || !strings.Contains(err.Error(), "unpacked it is") {
		t.Errorf("got %v", err)
	}
}

func TestVerifyImage(t *testing.T) {
	w, dir := bundled(t)
	b := must(Load(dir))
	if err := os.Truncate(filepath.Join(dir, blobFile(digestOf(t, w.shared))), 7); err != nil {
		t.Fatal(err)
	}
	if err := VerifyImage(t.Context(), dir, find(t, b, "app:1")); err == nil || !strings.Contains(err.Error(), "it has 7 bytes") {
		t.Errorf("app:1: %v", err)
	}
	if err := VerifyImage(t.Context(), dir, find(t, b, "docker")); err != nil {
		t.Errorf("docker, which is sound: %v", err)
	}
}

func FuzzParseSums(f *testing.F) {
	f.Add([]byte(hexSum(nil) + "  data/x\n"))
	f.Add([]byte(hexSum(nil) + " *data/../x\r\n"))
	f.Add([]byte(hexSum(nil) + "  data/a%0Ab%25\n" + hexSum(nil) + "  data/a\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		sums, err := parseSums(text)
		for name := range sums {
			if err == nil && !filepath.IsLocal(name) {
				t.Errorf("%q leads out of the bag", name)
			}
		}
	})
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"config":{"digest":"` + digest.FromString("x").String() + `","size":1},"layers":[]}`))
	f.Add([]byte(`{"manifests":[{"digest":"sha256:../x","size":-1}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := parseManifest(raw)
		if err != nil {
			return
		}
		for _, d := range append(m.blobs, m.manifests...) {
			if name := blobFile(d.Digest); !strings.HasPrefix(name, imagesDir+"/blobs/") || strings.Contains(name, "..") || d.Size < 0 {
				t.Errorf("%q, %d bytes", name, d.Size)
			}
		}
	})
}

func FuzzParseBundle(f *testing.F) {
	f.Add([]byte(`{"version":1,"owner":{"id":"a"},"images":[{"repository":"a/b","digest":"` + digest.FromString("x").String() + `","tags":["1"],"names":["a/b:1"],"recipe":"recipes/a/b@1"}]}`))
	f.Add([]byte(`{"version":1,"records":[{"file":"provenance/../x"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := parseBundle(text)
		if err != nil {
			return
		}
		for _, image := range b.Images {
			for _, name := range []string{image.Repository, image.Recipe, blobFile(image.Digest)} {
				if name != "" && !filepath.IsLocal(name) {
					t.Errorf("%q leads elsewhere", name)
				}
			}
		}
		if _, _, err := readme(b); err != nil {
			t.Errorf("no index for people: %v", err)
		}
		_ = crate(b)
		_ = digests(b)
		_, _ = b.Find("app")
	})
}
