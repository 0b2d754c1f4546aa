package reader

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// TestReadsAreShared reads every range of files of several blocks, with helpers
// and without.
func TestReadsAreShared(t *testing.T) {
	for name := range images {
		alone, shared := openBytes(t, imageBytes(t, name), Options{}), openBytes(t, imageBytes(t, name), Options{})
		alone.helpers, shared.helpers = make(helpers), make(helpers, 3)
		for _, path := range []string{"usr/bin/text", "usr/bin/random", "sparse"} {
			ino, err := alone.Resolve(path, true)
			if errors.Is(err, errNotExist) {
				continue // not every image has them all
			}
			if err != nil {
				t.Fatal(err)
			}
			for off := int64(0); off < int64(ino.Size); off += 1999 {
				for length := int64(1); off+length <= int64(ino.Size); length += 4095 {
					want, got := make([]byte, length), make([]byte, length)
					_, wantErr := alone.ReadAt(&ino, want, off)
					n, err := shared.ReadAt(&ino, got, off)
					if wantErr != nil || err != nil || n != len(got) || !bytes.Equal(got, want) {
						t.Fatalf("%s, %s: %d bytes at %d: %d, %v; alone %v", name, path, length, off, n, err, wantErr)
					}
				}
			}
			if len(shared.helpers) != 0 {
				t.Fatalf("%s, %s: %d helpers did not give back their permit", name, path, len(shared.helpers))
			}
		}
	}
}

// failingSource fails for what lies in one stored block.
type failingSource struct {
	io.ReaderAt
	from, to int64
}

var errBroken = errors.New("broken storage")

func (f *failingSource) ReadAt(p []byte, off int64) (int, error) {
	if off < f.to && off+int64(len(p)) > f.from {
		return 0, errBroken
	}
	return f.ReaderAt.ReadAt(p, off)
}

// TestSharedReadFails breaks each block of a file in turn: what is before it
// must be right.
func TestSharedReadFails(t *testing.T) {
	data := imageBytes(t, "zstd")
	src := &failingSource{ReaderAt: bytes.NewReader(data)}
	r, err := Open(src, int64(len(data)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	r.helpers = make(helpers, 3)
	ino, err := r.Resolve("usr/bin/text", true)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]byte, ino.Size)
	if _, err := r.ReadAt(&ino, want, 0); err != nil {
		t.Fatal(err)
	}
	list, err := r.blockList(&ino, 0)
	if err != nil {
		t.Fatal(err)
	}
	blocks := r.fullBlocks(&ino)
	if blocks < 3 {
		t.Fatalf("a file of %d blocks is too small for this test", blocks)
	}
	for index := range blocks {
		start, word, err := list.next()
		if err != nil {
			t.Fatal(err)
		}
		src.from, src.to = int64(start), int64(start)+int64(word.Size())
		got := make([]byte, ino.Size)
		n, err := r.ReadAt(&ino, got, 0)
		if before := int(index) * int(r.sb.BlockSize); !errors.Is(err, errBroken) || n != before || !bytes.Equal(got[:n], want[:n]) {
			t.Errorf("block %d: %d bytes, %v; want the %d before it", index, n, err, before)
		}
	}
}
