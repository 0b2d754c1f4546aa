package torture

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"testing"
)

// TestLayersAreStable guards what others rely on: the same bytes, always.
func TestLayersAreStable(t *testing.T) {
	want := []string{
		"d1a19db0149a8c28c3f93f3067e2339297a73bf39512b584c56f4fd32bb09dbe",
		"32a72a80cd4627ded6ff5a0b47f0d1947623a602cc3a9bac694ba1ab78be5f03",
		"f0fbbed7d27b9c2bd1dcabcb5827de69d6d59e3e1f8dbe2ac0e1ace02589bb84",
	}
	layers := Layers()
	if len(layers) != len(want) {
		t.Fatalf("%d layers, want %d", len(layers), len(want))
	}
	for i, layer := range layers {
		if got := sum(layer); got != want[i] {
			t.Errorf("layer %d: sha256 %s, want %s", i, got, want[i])
		}
	}
}

// TestHugeSum reads the sparse file of 5 GiB back through archive/tar.
func TestHugeSum(t *testing.T) {
	if testing.Short() {
		t.Skip("hashing 5 GiB takes seconds")
	}
	r := tar.NewReader(bytes.NewReader(oldGNUSparse("huge", hugeSize, hugeExtents).raw))
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	n, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{r}, make([]byte, 1<<20))
	if err != nil || n != hugeSize {
		t.Fatalf("read %d bytes: %v, want %d", n, err, int64(hugeSize))
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != hugeSum {
		t.Errorf("sha256 is %s, want %s", got, hugeSum)
	}
}

// TestSparseFormats reads every hand-written sparse file through archive/tar.
func TestSparseFormats(t *testing.T) {
	extents := []extent{{10, []byte("one")}, {5000, []byte("two")}, {9000, []byte("three")}, {12000, []byte("four")}, {15000, []byte("five")}}
	const size = 20000
	for name, e := range map[string]entry{
		"gnu":     oldGNUSparse("f", size, extents),
		"pax 0.0": paxSparse("0.0", "f", size, extents),
		"pax 0.1": paxSparse("0.1", "f", size, extents),
		"pax 1.0": paxSparse("1.0", "f", size, extents),
	} {
		t.Run(name, func(t *testing.T) {
			r := tar.NewReader(bytes.NewReader(e.raw))
			h, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			if h.Name != "f" || !bytes.Equal(got, filled(size, extents)) {
				t.Errorf("%q holds %d bytes that differ", h.Name, len(got))
			}
		})
	}
}
