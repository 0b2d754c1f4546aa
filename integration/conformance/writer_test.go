package conformance

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/jrun-hpc/jrun/integration/torture"
	"github.com/jrun-hpc/jrun/squash"
	"github.com/jrun-hpc/jrun/squash/writer"
)

// writeImage merges layers with our writer.
func writeImage(t *testing.T, tars [][]byte, opts writer.Options) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.sqfs")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var layers []writer.Layer
	for _, content := range tars {
		layers = append(layers, func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(content)), nil
		})
	}
	if _, err := writer.Write(t.Context(), file, layers, opts); err != nil {
		t.Fatal(err)
	}
	return path
}

// expected is package torture's own list as a view.
type expected struct{ folder }

func (expected) String() string { return "package torture" }

func (v expected) tree(unread ...string) (map[string]entry, error) {
	tree := make(map[string]entry)
	for name, file := range torture.Expected() {
		tree[name] = entry{File: file}
	}
	for _, name := range unread {
		e := tree[name]
		e.SHA256 = ""
		tree[name] = e
	}
	return tree, nil
}

func blindToSame(e *entry) { e.Same = "" }

// TestTortureImage compares every view of our writer's images with the list
// that package torture wrote down by hand, and the views with each other for
// what that list does not say.
func TestTortureImage(t *testing.T) {
	for name, opts := range map[string]writer.Options{
		"zstd 128K":          {},
		"gzip 4K":            {Compression: squash.Gzip, BlockSize: 4 << 10},
		"lz4 1M":             {Compression: squash.Lz4, BlockSize: 1 << 20},
		"nothing compressed": {Uncompressed: true},
	} {
		t.Run(name, func(t *testing.T) {
			image := writeImage(t, torture.Layers(), opts)
			all := views(t, image)
			list := expected{folder{blinds: []func(*entry){blindToHoles, blindToSame}}}
			want, err := list.tree(torture.Huge)
			if err != nil {
				t.Fatal(err)
			}
			compareTrees(t, list, want, all, torture.Huge)
			check(t, all[0], all[1:], torture.Huge)
		})
	}
}
