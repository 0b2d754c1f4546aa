package store

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	"github.com/zeebo/blake3"
)

// putIndexed makes an object with layers, sums and an index.
func putIndexed(t testing.TB, s *Store, content string, diffIDs ...string) Object {
	t.Helper()
	p, err := s.Create(t.Context(), digest.FromString(content), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Abort()
	for f, text := range map[*os.File]string{p.File: content, p.Index: "index of " + content} {
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	sum := blake3.Sum256([]byte(content))
	o, err := p.Commit(Meta{Layers: layersNamed(diffIDs...), Sums: &Sums{ChunkBytes: 4096, BLAKE3: sum[:]}})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func layersNamed(diffIDs ...string) []Layer {
	var layers []Layer
	for _, id := range diffIDs {
		layers = append(layers, Layer{DiffID: digest.FromString(id)})
	}
	return layers
}

func TestSharing(t *testing.T) {
	s := newStore(t)
	if got := s.Sharing(Place{}, layersNamed("a")); got != nil {
		t.Errorf("an empty store shares %v", got)
	}
	putIndexed(t, s, "one", "a")
	putIndexed(t, s, "three", "a", "b", "c")
	putIndexed(t, s, "other", "b", "a")
	putIndexed(t, s, "two", "a", "b")
	var got []string
	for _, found := range s.Sharing(Place{}, layersNamed("a", "b", "x")) {
		content, err := os.ReadFile(found.Object.Path)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.Repeat("+", found.Layers)+string(content))
	}
	slices.Sort(got[:2]) // made within one second
	if diff := cmp.Diff([]string{"++three", "++two", "+one"}, got); diff != "" {
		t.Errorf("Sharing (-want +got): %s", diff)
	}
}

func TestIndexLivesWithItsObject(t *testing.T) {
	s := newStore(t)
	o := putIndexed(t, s, "x", "a")
	f, err := s.OpenIndex(o)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err != nil || string(b) != "index of x" {
		t.Errorf("the index is %q, %v", b, err)
	}
	path := f.Name()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	check(t, os.Chmod(path, 0o646))
	if _, err := s.OpenIndex(o); !errors.Is(err, ErrUntrusted) {
		t.Errorf("an index that others may write: %v, want ErrUntrusted", err)
	}
	check(t, s.Remove(o.Digest))
	if left := files(t, s); len(left) != 0 {
		t.Errorf("left of a removed object: %v", left)
	}
	if _, err := s.OpenIndex(put(t, s, digest.FromString("y"), "y")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an object without index: %v", err)
	}
}

// TestOrphansAreSwept: what was put beside an object that then never came.
func TestOrphansAreSwept(t *testing.T) {
	s := newStore(t)
	o := putIndexed(t, s, "x", "a")
	check(t, os.Remove(o.Path))
	put(t, s, digest.FromString("y"), "y")
	if left := files(t, s); len(left) != 4 {
		t.Errorf("within the grace there are %v", left)
	}
	old := time.Now().Add(-foreignGrace - time.Hour)
	for _, suffix := range []string{metaSuffix, indexSuffix} {
		check(t, os.Chtimes(strings.TrimSuffix(o.Path, imageSuffix)+suffix, old, old))
	}
	put(t, s, digest.FromString("z"), "z")
	if left := files(t, s); len(left) != 4 {
		t.Errorf("after the grace there are %v, want two objects", left)
	}
}

func TestVerify(t *testing.T) {
	s := newStore(t)
	o := putIndexed(t, s, "the content", "a")
	var done, all int64
	if err := Verify(t.Context(), o, func(d, a int64) { done, all = d, a }); err != nil || done != 11 || all != 11 {
		t.Errorf("a whole object: %v, progress %d of %d", err, done, all)
	}
	if err := Verify(t.Context(), put(t, s, digest.FromString("y"), "y"), nil); !errors.Is(err, ErrNoSums) {
		t.Errorf("an object without sums: %v, want ErrNoSums", err)
	}
	for name, content := range map[string]string{"flipped": "the_content", "short": "the conten", "long": "the content!", "empty": ""} {
		check(t, os.Chmod(o.Path, 0o600))
		check(t, os.WriteFile(o.Path, []byte(content), 0o600))
		var damaged *DamageError
		if err := Verify(t.Context(), o, nil); !errors.As(err, &damaged) || damaged.Path != o.Path {
			t.Errorf("%s: %v, want a DamageError", name, err)
		}
	}
}
