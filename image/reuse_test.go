package image

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/squash/writer"
	"github.com/opencontainers/go-digest"
)

// ensureStats is Ensure with what it was made of.
func ensureStats(t *testing.T, st *store.Store, ref Reference) (store.Object, Stats) {
	t.Helper()
	var stats Stats
	object, converted, err := NewClient(Options{}).Ensure(t.Context(), st, ref, func(e Event) {
		if e.Phase == Publishing {
			stats = e.Stats
		}
	})
	if err != nil || !converted {
		t.Fatalf("Ensure: converted %v, %v", converted, err)
	}
	return object, stats
}

// blobsAskedFor are the layers of img that the registry was asked for, from 1.
func blobsAskedFor(reg *testRegistry, img testImage) []int {
	requests := strings.Join(reg.take(), "\n")
	var asked []int
	for i, l := range img.layers {
		if strings.Contains(requests, digest.FromBytes(l.blob()).Encoded()) {
			asked = append(asked, i+1)
		}
	}
	return asked
}

// manyLayers has a layer for each tag; equal tags are equal layers.
func manyLayers(tags ...string) testImage {
	var img testImage
	for i, tag := range tags {
		img.layers = append(img.layers, testLayer{tar: tarOf(
			fmt.Sprintf("layer%d/%s", i, tag), strings.Repeat(tag, 100), fmt.Sprintf("layer%d/big", i), tag+noise(150_000),
		)})
	}
	return img
}

func TestEnsureReusesLayers(t *testing.T) {
	hides := manyLayers("a", "b")
	hides.layers = append(hides.layers, testLayer{tar: tarOf("layer1/.wh.big", "")})
	tests := map[string]struct {
		first, second testImage
		asked         []int
		reused        int
	}{
		"another top layer":              {manyLayers("a", "b", "c"), manyLayers("a", "b", "x"), []int{3}, 2},
		"one more layer":                 {manyLayers("a", "b"), manyLayers("a", "b", "c"), []int{3}, 2},
		"one layer fewer":                {manyLayers("a", "b", "c"), manyLayers("a", "b"), nil, 2},
		"another base":                   {manyLayers("a", "b"), manyLayers("x", "b"), []int{1, 2}, 0},
		"layers that the first one hid":  {hides, manyLayers("a", "b"), []int{2}, 1},
		"the same layers, zstd for gzip": {twoLayers("gzip"), twoLayers("zstd"), nil, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			reg := newRegistry(t)
			st := openStore(t)
			ensureStats(t, st, reg.push(t, "demo/image", "1", tt.first))
			ref := reg.push(t, "demo/image", "2", tt.second)
			object, stats := ensureStats(t, st, ref)
			if diff := cmp.Diff(tt.asked, blobsAskedFor(reg, tt.second)); diff != "" {
				t.Errorf("layers fetched (-want +got): %s", diff)
			}
			got, err := os.ReadFile(object.Path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, tt.second.converted(t)) {
				t.Error("the object differs from a fresh one")
			}
			var fetched, tars int64
			for _, i := range tt.asked {
				fetched += int64(len(tt.second.layers[i-1].blob()))
				tars += int64(len(tt.second.layers[i-1].tar))
			}
			want := Stats{
				Layers: len(tt.second.layers), ReusedLayers: tt.reused, FetchedBytes: fetched, CompressedBytes: tars,
				ReusedBytes: stats.ReusedBytes, SharedBytes: stats.SharedBytes,
			}
			if diff := cmp.Diff(want, stats); diff != "" || (stats.ReusedBytes > 0) != (tt.reused > 0) {
				t.Errorf("stats (-want +got): %s", diff)
			}
			if err := store.Verify(t.Context(), object, nil); err != nil {
				t.Error(err)
			}
			if left := leftovers(t, st); left != nil {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestEnsureChoosesTheObjectThatLacksLeast: of two objects that share a layer,
// one has had a part of it punched out.
func TestEnsureChoosesTheObjectThatLacksLeast(t *testing.T) {
	reg := newRegistry(t)
	st := openStore(t)
	hides := manyLayers("a")
	hides.layers = append(hides.layers, testLayer{tar: tarOf("layer0/.wh.big", "")})
	for i, img := range []testImage{manyLayers("a", "b"), hides} {
		ensureStats(t, st, reg.push(t, "demo/image", fmt.Sprint(i), img))
	}
	third := manyLayers("a", "c")
	ref := reg.push(t, "demo/image", "third", third)
	if _, stats := ensureStats(t, st, ref); stats.ReusedLayers != 1 {
		t.Errorf("%d layers were re-used", stats.ReusedLayers)
	}
	if diff := cmp.Diff([]int{2}, blobsAskedFor(reg, third)); diff != "" {
		t.Errorf("layers fetched (-want +got): %s", diff)
	}
}

// TestEnsureSurvivesDamagedObjects: whatever is wrong with what could be re-used,
// the image is made afresh.
func TestEnsureSurvivesDamagedObjects(t *testing.T) {
	damage := map[string]func(t *testing.T, path string){
		"index gone": func(t *testing.T, path string) { remove(t, path+".index") },
		"index cut short": func(t *testing.T, path string) {
			rewrite(t, path+".index", func(b []byte) []byte { return b[:len(b)/2] })
		},
		"index empty":     func(t *testing.T, path string) { rewrite(t, path+".index", func([]byte) []byte { return nil }) },
		"index of others": func(_ *testing.T, path string) { check(os.Chmod(path+".index", 0o666)) },
		"data flipped": func(t *testing.T, path string) {
			rewrite(t, path+".sqfs", func(b []byte) []byte { b[10_000] ^= 1; return b })
		},
	}
	for name, harm := range damage {
		t.Run(name, func(t *testing.T) {
			reg := newRegistry(t)
			st := openStore(t)
			object, _ := ensureStats(t, st, reg.push(t, "demo/image", "1", manyLayers("a", "b")))
			harm(t, strings.TrimSuffix(object.Path, ".sqfs"))
			second := manyLayers("a", "x")
			made, stats := ensureStats(t, st, reg.push(t, "demo/image", "2", second))
			if stats.ReusedLayers != 0 {
				t.Errorf("%d layers were re-used", stats.ReusedLayers)
			}
			got, err := os.ReadFile(made.Path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, second.converted(t)) {
				t.Error("the object differs from a fresh one")
			}
		})
	}
}

// TestVerifyFindsEveryKindOfDamage of an object that was converted.
func TestVerifyFindsEveryKindOfDamage(t *testing.T) {
	reg := newRegistry(t)
	st := openStore(t)
	object, _ := ensureStats(t, st, reg.push(t, "demo/image", "1", manyLayers("a", "b")))
	whole, err := os.ReadFile(object.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Verify(t.Context(), object, nil); err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(whole); at += len(whole)/50 + 1 {
		rewrite(t, object.Path, func([]byte) []byte { b := bytes.Clone(whole); b[at] ^= 4; return b })
		var damaged *store.DamageError
		if err := store.Verify(t.Context(), object, nil); !errors.As(err, &damaged) || damaged.Start > int64(at) || damaged.End <= int64(at) {
			t.Errorf("byte %d flipped: %v", at, err)
		}
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// rewrite replaces a file by another with other content.
func rewrite(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, change(b), 0o444); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
}

// TestCheckIndex: any flipped bit of an index is found, and so is another's index.
func TestCheckIndex(t *testing.T) {
	reg, st := newRegistry(t), openStore(t)
	object, _ := ensureStats(t, st, reg.push(t, "demo/image", "1", manyLayers("a", "b")))
	other, _ := ensureStats(t, st, reg.push(t, "demo/image", "2", manyLayers("c")))
	check := func() error { return CheckIndex(st, object) }
	if err := check(); err != nil {
		t.Fatal(err)
	}
	path := strings.TrimSuffix(object.Path, ".sqfs") + ".index"
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := os.ReadFile(strings.TrimSuffix(other.Path, ".sqfs") + ".index")
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string][]byte{"empty": {}, "half": good[:len(good)/2], "cut": good[:len(good)-1], "longer": append(bytes.Clone(good), 0), "another's": foreign}
	for at := 0; at < len(good); at += 11 {
		flipped := bytes.Clone(good)
		flipped[at] ^= 8
		bad[fmt.Sprint("flipped at ", at)] = flipped
	}
	for name, content := range bad {
		if err := errors.Join(os.Remove(path), os.WriteFile(path, content, 0o444)); err != nil {
			t.Fatal(err)
		}
		if err := check(); !errors.Is(err, writer.ErrIndex) {
			t.Errorf("%s: %v, want ErrIndex", name, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := check(); err != nil {
		t.Errorf("without an index: %v", err)
	}
}
