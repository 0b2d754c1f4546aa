package writer

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestHolesAreNotSummedAgain: what an upper layer hid in the old image is zeros
// in the new one, too. Only the first chunk, with the superblock, is read back.
func TestHolesAreNotSummedAgain(t *testing.T) {
	big := noisyTar(t, 5, 3<<20)
	layers := memories(big, tarOf(t, regular("noise/.wh.1"), regular("noise/.wh.3"), regular("new")))
	from := makeIndexed(t, layers, Options{})
	if len(from.result.Sums) < 4 || from.result.DeadBytes < 6<<20 {
		t.Fatalf("%d sums and %d dead bytes are too few for this test", len(from.result.Sums), from.result.DeadBytes)
	}
	layers = append(layers, memory(tarOf(t, regular("newer"))))
	opts := Options{LayerIDs: idsOf(t, layers), Reuse: from.reuse(t, 2)}
	dst := &countingFile{}
	result, err := Write(t.Context(), dst, layers, opts)
	if err != nil {
		t.Fatal(err)
	}
	if dst.readBytes != SumChunk {
		t.Errorf("%d bytes were read back, want %d", dst.readBytes, SumChunk)
	}
	if diff := cmp.Diff(sumsOf(dst.content), result.Sums); diff != "" {
		t.Errorf("sums (-of the bytes +said): %s", diff)
	}
}

// countingFile counts what is read back.
type countingFile struct {
	memFile
	readBytes int
}

func (c *countingFile) ReadAt(p []byte, at int64) (int, error) {
	n, err := c.memFile.ReadAt(p, at)
	c.readBytes += n
	return n, err
}
