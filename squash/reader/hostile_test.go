package reader

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/squash"
)

// errEnough ends an examination that has seen as much as it may.
var errEnough = errors.New("enough")

// examine opens an image and asks everything that can be asked, up to limits
// that keep a fuzzer quick. It returns the first error.
func examine(data []byte) error {
	r, err := Open(bytes.NewReader(data), int64(len(data)), Options{BlockCache: 1 << 20, MetadataCache: 256 << 10, DirCache: 256 << 10})
	if err != nil {
		return err
	}
	files, left := 0, int64(4<<20)
	buf := make([]byte, 5000)
	return r.Walk(func(_ string, ino *Inode) error {
		if files++; files > 2000 {
			return errEnough
		}
		names, err := r.XattrNames(ino)
		if err != nil {
			return err
		}
		for _, name := range names[:min(len(names), 8)] {
			if _, err := r.Xattr(ino, name); err != nil {
				return err
			}
		}
		switch ino.Type {
		case squash.TypeSymlink:
			_, err = r.Readlink(ino)
		case squash.TypeFile:
			// The first blocks in odd pieces, then the last byte.
			for off := int64(0); off < min(int64(ino.Size), 64<<10) && err == nil; off += int64(len(buf)) {
				if left -= int64(len(buf)); left < 0 {
					return errEnough
				}
				_, err = r.ReadAt(ino, buf, off)
			}
			if err == nil && ino.Size > 0 {
				_, err = r.ReadAt(ino, buf[:2], int64(ino.Size-1))
			}
			if errors.Is(err, io.EOF) {
				err = nil
			}
		}
		return err
	})
}

// checkExamine fails when an image that may be corrupt gives an error of the
// wrong kind.
func checkExamine(t *testing.T, data []byte) {
	t.Helper()
	if err := examine(data); err != nil && !IsCorrupt(err) && !errors.Is(err, errEnough) {
		t.Errorf("error is neither corrupt nor unsupported: %v", err)
	}
}

func TestTruncatedFiles(t *testing.T) {
	for name := range images {
		data := imageBytes(t, name)
		used := int(binary.LittleEndian.Uint64(data[40:]))
		for _, n := range []int{0, 1, 95, 96, 97, 1000, used / 2, used - 1} {
			if err := examine(data[:min(n, used-1)]); !errors.Is(err, squash.ErrCorrupt) {
				t.Errorf("%s cut to %d bytes: %v", name, n, err)
			}
		}
	}
}

// shrinking is a file whose end went away after it was opened.
type shrinking struct{ data []byte }

func (s shrinking) ReadAt(p []byte, off int64) (int, error) {
	return bytes.NewReader(s.data).ReadAt(p, off)
}

func TestShrunkFileIsAnIOError(t *testing.T) {
	data := imageBytes(t, "zstd")
	_, err := Open(shrinking{data[:2000]}, int64(len(data)), Options{})
	if !errors.Is(err, io.ErrUnexpectedEOF) || IsCorrupt(err) {
		t.Errorf("a file that shrank: %v", err)
	}
}

// TestMutations flips, overwrites, swaps and cuts bytes of valid images, which
// must never panic, hang, or fail with another error than ErrCorrupt.
func TestMutations(t *testing.T) {
	rounds := 600
	if testing.Short() {
		rounds = 100
	}
	for name := range images {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			original := imageBytes(t, name)
			rng := rand.New(rand.NewPCG(1, uint64(len(name))))
			failed := 0
			for range rounds {
				data := mutate(rng, original)
				start := time.Now()
				checkExamine(t, data)
				if d := time.Since(start); d > 20*time.Second {
					t.Errorf("one image took %v", d)
				}
				if examine(data) != nil {
					failed++
				}
			}
			if failed == 0 {
				t.Errorf("none of %d mutations was noticed", rounds)
			}
		})
	}
}

// mutate returns a copy of data with one to four changes, half of them in the
// superblock and the tables at the end.
func mutate(rng *rand.Rand, data []byte) []byte {
	out := bytes.Clone(data)
	used := int(binary.LittleEndian.Uint64(data[40:]))
	tables := int(binary.LittleEndian.Uint64(data[64:]))
	place := func() int {
		switch rng.IntN(4) {
		case 0:
			return rng.IntN(squash.SuperblockSize)
		case 1, 2:
			return tables + rng.IntN(used-tables)
		}
		return rng.IntN(used)
	}
	for range 1 + rng.IntN(4) {
		at := place()
		switch rng.IntN(4) {
		case 0:
			out[at] ^= 1 << rng.IntN(8)
		case 1:
			out[at] = byte(rng.Uint32())
		case 2:
			if at+8 <= len(out) {
				values := []uint64{0, 1, ^uint64(0), 1 << 62, uint64(used), uint64(rng.IntN(used))}
				binary.LittleEndian.PutUint64(out[at:], values[rng.IntN(len(values))])
			}
		case 3:
			n := min(1+rng.IntN(64), len(out)-at)
			copy(out[at:at+n], out[rng.IntN(len(out)-n):])
		}
	}
	return out
}

// patchEntry makes the entry called name name another inode instead. The image
// must have uncompressed metadata.
func patchEntry(t *testing.T, data []byte, name string, target *Inode) []byte {
	t.Helper()
	out := bytes.Clone(data)
	start := int(binary.LittleEndian.Uint64(data[72:]))
	at := bytes.Index(out[start:], []byte(name))
	if at < 0 {
		t.Fatalf("no entry %q in the directory table", name)
	}
	entry := out[start+at-dirEntrySize:]
	binary.LittleEndian.PutUint16(entry, uint16(target.Ref.Offset()))
	binary.LittleEndian.PutUint16(entry[4:], uint16(target.Type))
	// The number is a difference from the header's, the first thing in the
	// table for a root with one run: keep it right by reading it back.
	r := openBytes(t, out, Options{})
	root, err := r.Root()
	if err != nil {
		t.Fatal(err)
	}
	e, err := r.LookupEntry(&root, name)
	if err != nil {
		t.Fatal(err)
	}
	delta := int16(binary.LittleEndian.Uint16(entry[2:])) + int16(target.Number-e.Number)
	binary.LittleEndian.PutUint16(entry[2:], uint16(delta))
	return out
}

func TestDirectoryCycle(t *testing.T) {
	data := imageBytes(t, "plain")
	r := openBytes(t, data, Options{})
	root, err := r.Root()
	if err != nil {
		t.Fatal(err)
	}
	r = openBytes(t, patchEntry(t, data, "null", &root), Options{})
	if _, err := r.Resolve("null/null/null/etc", true); err != nil {
		t.Errorf("the patch does not make a cycle: %v", err)
	}
	if err := r.Walk(func(string, *Inode) error { return nil }); !errors.Is(err, squash.ErrCorrupt) {
		t.Errorf("Walk of a cycle: %v", err)
	}
	err = fs.WalkDir(r.FS(), ".", func(_ string, _ fs.DirEntry, err error) error { return err })
	if !errors.Is(err, squash.ErrCorrupt) {
		t.Errorf("WalkDir of a cycle: %v", err)
	}
}

func TestDirectoryWithTwoNames(t *testing.T) {
	data := imageBytes(t, "plain")
	r := openBytes(t, data, Options{})
	etc, err := r.Resolve("etc", false)
	if err != nil {
		t.Fatal(err)
	}
	r = openBytes(t, patchEntry(t, data, "null", &etc), Options{})
	if err := r.Walk(func(string, *Inode) error { return nil }); !errors.Is(err, squash.ErrCorrupt) {
		t.Errorf("Walk: %v", err)
	}
	err = fs.WalkDir(r.FS(), ".", func(_ string, _ fs.DirEntry, err error) error { return err })
	if !errors.Is(err, squash.ErrCorrupt) {
		t.Errorf("WalkDir: %v", err)
	}
}

func TestBadNames(t *testing.T) {
	data := imageBytes(t, "plain")
	for from, to := range map[string]string{
		"hello": "he/lo", "sym": "s\x00m", "null": "aaaa", // the last breaks the order
	} {
		start := int(binary.LittleEndian.Uint64(data[72:]))
		patched := append(bytes.Clone(data[:start]), []byte(strings.Replace(string(data[start:]), from, to, 1))...)
		if err := examine(patched); !errors.Is(err, squash.ErrCorrupt) {
			t.Errorf("name %q: %v", to, err)
		}
	}
}

func TestUnsupportedCompressors(t *testing.T) {
	for _, c := range []squash.Compression{squash.Lzma, squash.Lzo, 7, 0} {
		data := bytes.Clone(imageBytes(t, "gzip"))
		binary.LittleEndian.PutUint16(data[20:], uint16(c))
		if err := examine(data); !errors.Is(err, squash.ErrUnsupported) {
			t.Errorf("%s: %v", c, err)
		}
	}
}

// TestRandomReferences asks for inodes that no directory names, as a FUSE
// client could.
func TestRandomReferences(t *testing.T) {
	for name := range images {
		r := openBytes(t, imageBytes(t, name), Options{})
		rng := rand.New(rand.NewPCG(2, 3))
		for range 5000 {
			ref := squash.InodeRef(rng.Uint64N(1 << (1 + rng.IntN(63))))
			ino, err := r.Inode(ref)
			if err != nil {
				if !IsCorrupt(err) {
					t.Fatalf("%s: inode %#x: %v", name, ref, err)
				}
				continue
			}
			buf := make([]byte, 100)
			for _, err := range []error{
				second(r.ReadDir(&ino)), second(r.Readlink(&ino)), second(r.ReadAt(&ino, buf, 5)), second(r.XattrNames(&ino)),
			} {
				if err != nil && !IsCorrupt(err) && !errors.Is(err, errNotDir) && !errors.Is(err, errNotFile) &&
					!errors.Is(err, errIsDir) && !errors.Is(err, io.EOF) {
					t.Fatalf("%s: inode %#x: %v", name, ref, err)
				}
			}
		}
	}
}

func second[T any](_ T, err error) error { return err }

func FuzzReader(f *testing.F) {
	for name := range images {
		f.Add(imageBytes(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkExamine(t, data) })
}
