package writer

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/blake3"
	"pgregory.net/rapid"

	"github.com/jrun-hpc/jrun/squash"
)

// made is a file with all that its re-use needs.
type made struct {
	content []byte
	index   []byte
	result  Result
}

func idsOf(t failer, layers []Layer) []string {
	t.Helper()
	var ids []string
	for _, open := range layers {
		r, err := open(context.Background())
		if err != nil {
			t.Fatalf("opening a layer: %v", err)
		}
		h := sha256.New()
		if _, err := io.Copy(h, r); err != nil {
			t.Fatalf("reading a layer: %v", err)
		}
		ids = append(ids, hex.EncodeToString(h.Sum(nil)))
	}
	return ids
}

// make1 converts with an index.
func makeIndexed(t failer, layers []Layer, opts Options) made {
	t.Helper()
	var index bytes.Buffer
	opts.Index, opts.LayerIDs = &index, idsOf(t, layers)
	content, result := convert(t, layers, opts)
	return made{content, index.Bytes(), result}
}

func (m made) reuse(t failer, layers int) *Reuse {
	t.Helper()
	x, err := OpenIndex(bytes.NewReader(m.index), int64(len(m.index)))
	if err != nil {
		t.Fatalf("OpenIndex: %v", err)
	}
	return &Reuse{File: bytes.NewReader(m.content), Size: int64(len(m.content)), Index: x, Layers: layers, Sums: m.result.Sums}
}

// unopenable are layers of which the lowest n must not be opened.
func unopenable(t failer, layers []Layer, n int) []Layer {
	out := append([]Layer(nil), layers...)
	for i := range n {
		out[i] = func(context.Context) (io.ReadCloser, error) {
			t.Fatalf("layer %d was opened", i)
			return nil, nil
		}
	}
	return out
}

// makeFrom converts layers with as much of old as can be re-used.
func makeFrom(t failer, old made, layers []Layer, opts Options, shared int) (made, int) {
	t.Helper()
	opts.LayerIDs = idsOf(t, layers)
	for {
		var index bytes.Buffer
		var f memFile
		opts.Index = &index
		opts.Reuse = old.reuse(t, shared)
		result, err := Write(context.Background(), &f, unopenable(t, layers, shared), opts)
		var not *ReuseError
		if errors.As(err, &not) {
			if not.Layers >= shared || !errors.Is(err, ErrHidden) {
				t.Fatalf("Write with %d layers re-used: %v", shared, err)
			}
			shared = not.Layers
			continue
		}
		if err != nil {
			t.Fatalf("Write with %d layers re-used: %v", shared, err)
		}
		return made{f.content, index.Bytes(), result}, shared
	}
}

func sumsOf(content []byte) []Sum {
	var sums []Sum
	for len(content) > 0 {
		n := min(len(content), SumChunk)
		sums = append(sums, Sum{blake3.Sum256(content[:n]), crc32.Checksum(content[:n], crc32.MakeTable(crc32.Castagnoli))})
		content = content[n:]
	}
	return sums
}

// wantSame compares a file with a fresh one, and what is said of it.
func wantSame(t failer, fresh, got made) {
	t.Helper()
	if !bytes.Equal(fresh.content, got.content) {
		t.Fatalf("the file differs from a fresh one (%d and %d bytes)", len(fresh.content), len(got.content))
	}
	if !bytes.Equal(fresh.index, got.index) {
		t.Fatalf("the index differs from that of a fresh file")
	}
	if diff := cmp.Diff(sumsOf(got.content), got.result.Sums); diff != "" {
		t.Fatalf("sums (-of the bytes +said): %s", diff)
	}
	want, is := fresh.result, got.result
	want.TarBytes, is.TarBytes = 0, 0
	want.Reused, is.Reused = Reused{}, Reused{}
	if diff := cmp.Diff(want, is); diff != "" {
		t.Fatalf("result (-fresh +re-used): %s", diff)
	}
}

// TestFreshIsIncremental: two images that share any number of lower layers; the
// second made from the first is the second made afresh, for any number of jobs.
func TestFreshIsIncremental(t *testing.T) {
	shares, hidden := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		ops, _ := genValidLayers(t)
		others, _ := genValidLayers(t)
		layers, other := tarsOf(ops), tarsOf(others)
		split := rapid.IntRange(0, len(layers)).Draw(t, "split")
		old := append(append([]Layer(nil), layers[:split]...), other...)
		opts := Options{BlockSize: squash.MinBlockSize, Jobs: rapid.IntRange(1, 4).Draw(t, "jobs")}
		var f memFile
		if _, err := Write(context.Background(), &f, old, opts); err != nil {
			t.Skip("the other upper layers do not fit")
		}
		from := makeIndexed(t, old, opts)
		fresh := makeIndexed(t, layers, opts)
		wantSame(t, fresh, fresh)
		opts.Jobs = rapid.IntRange(1, 4).Draw(t, "other jobs")
		shared, err := from.reuse(t, 0).Index.Shared(opts, idsOf(t, layers))
		if err != nil || shared < split {
			t.Fatalf("%d layers are shared, want at least %d: %v", shared, split, err)
		}
		got, reused := makeFrom(t, from, layers, opts, shared)
		wantSame(t, fresh, got)
		again, _ := makeFrom(t, got, layers, opts, len(layers))
		wantSame(t, fresh, again)
		shares += reused
		hidden += shared - reused
	})
	if shares == 0 || hidden == 0 {
		t.Errorf("%d layers were re-used, %d could not: the test shows nothing", shares, hidden)
	}
}

// TestReuseOfLargeData has more than one chunk of sums, duplicates that go back
// over their border, and real files.
func TestReuseOfLargeData(t *testing.T) {
	big := noisyTar(t, 3, 3<<20)
	lower := memories(big, big, tarOf(t, regular("small"), tar.Header{Typeflag: tar.TypeReg, Name: "hole", Mode: 0o600, Size: 1 << 20}))
	upper := tarOf(t, regular(".wh.small"), regular("noise/.wh.1"), regular("new"))
	layers := append(append([]Layer(nil), lower...), memory(upper))
	opts := Options{}
	from, fresh := makeIndexed(t, lower, opts), makeIndexed(t, layers, opts)
	if len(from.result.Sums) < 3 {
		t.Fatalf("%d sums are too few for this test", len(from.result.Sums))
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "old"), from.content, 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := os.Open(filepath.Join(dir, "old"))
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	dst, err := os.Create(filepath.Join(dir, "new"))
	if err != nil {
		t.Fatal(err)
	}
	defer dst.Close()
	var index bytes.Buffer
	opts.Index, opts.LayerIDs, opts.Reuse = &index, idsOf(t, layers), from.reuse(t, 3)
	opts.Reuse.File = source
	result, err := Write(t.Context(), dst, unopenable(t, layers, 3), opts)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(dst.Name())
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, fresh, made{content, index.Bytes(), result})
	if result.Reused.Layers != 3 || result.Reused.Bytes < 9<<20 || result.TarBytes != int64(len(upper)) {
		t.Errorf("re-used %+v, read %d bytes", result.Reused, result.TarBytes)
	}
}

// TestReuseRefusesDamage: any flipped byte of the file or the index is found.
func TestReuseRefusesDamage(t *testing.T) {
	layers := memories(tarOf(t, regular("a"), regular("b")), noisyTar(t, 2, 300_000), tarOf(t, regular("a")))
	good := makeIndexed(t, layers, Options{})
	ids := idsOf(t, layers)
	try := func(m made) error {
		x, err := OpenIndex(bytes.NewReader(m.index), int64(len(m.index)))
		if err != nil {
			return err
		}
		reuse := &Reuse{File: bytes.NewReader(m.content), Size: int64(len(m.content)), Index: x, Layers: 2, Sums: m.result.Sums}
		_, err = Write(t.Context(), &memFile{}, layers, Options{Reuse: reuse, LayerIDs: ids})
		return err
	}
	if err := try(good); err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(good.index); at += 7 {
		bad := good
		bad.index = bytes.Clone(good.index)
		bad.index[at] ^= 0x10
		if err := try(bad); err != nil && !errors.Is(err, ErrIndex) {
			t.Fatalf("index damaged at %d: %v, want ErrIndex", at, err)
		}
	}
	for _, at := range []int64{0, 5000, good.result.Layers[1].Start, good.result.Layers[1].End - 1} {
		bad := good
		bad.content = bytes.Clone(good.content)
		bad.content[at] ^= 1
		var not *ReuseError
		if err := try(bad); !errors.Is(err, ErrSum) || !errors.As(err, &not) || not.Layers != 0 {
			t.Errorf("file damaged at %d: %v, want ErrSum", at, err)
		}
	}
	bad := good
	bad.index = makeIndexed(t, append(layers[:2:2], memory(tarOf(t, regular("c")))), Options{}).index
	if err := try(bad); !errors.Is(err, ErrIndex) {
		t.Errorf("index of another file: %v, want ErrIndex", err)
	}
	bad = good
	bad.content = good.content[:len(good.content)-1]
	if err := try(bad); !errors.Is(err, ErrSum) {
		t.Errorf("file cut short: %v, want ErrSum", err)
	}
}

// TestSharedNeedsTheSameSettings: another block size, level or compressor, other
// data.
func TestSharedNeedsTheSameSettings(t *testing.T) {
	layers := memories(tarOf(t, regular("a")), tarOf(t, regular("b")))
	m := makeIndexed(t, layers, Options{})
	ids := idsOf(t, layers)
	tests := map[string]struct {
		opts Options
		ids  []string
		want int
	}{
		"the same":           {Options{}, ids, 2},
		"more layers":        {Options{}, []string{ids[0], ids[1], "x"}, 2},
		"another upper":      {Options{}, []string{ids[0], "x"}, 1},
		"another lower":      {Options{}, []string{"x", ids[1]}, 0},
		"another block size": {Options{BlockSize: 4096}, ids, 0},
		"another level":      {Options{Level: 4}, ids, 0},
		"another compressor": {Options{Compression: squash.Gzip}, ids, 0},
		"uncompressed":       {Options{Uncompressed: true}, ids, 0},
		"other jobs":         {Options{Jobs: 7}, ids, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := m.reuse(t, 0).Index.Shared(tt.opts, tt.ids)
			if err != nil || got != tt.want {
				t.Errorf("Shared: %d, %v, want %d", got, err, tt.want)
			}
		})
	}
}

// FuzzIndex: no index makes Write crash or hang. (What it may do is describe
// other files: it is written by ourselves and has sums.)
func FuzzIndex(f *testing.F) {
	lower := tarOf(f, regular("a"), regular("dir/b"), tar.Header{Typeflag: tar.TypeSymlink, Name: "l", Linkname: "a"},
		tar.Header{Typeflag: tar.TypeReg, Name: "x", PAXRecords: map[string]string{"SCHILY.xattr.user.k": "v"}},
		tar.Header{Typeflag: tar.TypeReg, Name: "big", Size: 10000}, tar.Header{Typeflag: tar.TypeLink, Name: "h", Linkname: "a"})
	layers := memories(lower, tarOf(f, regular(".wh.a")))
	good := makeIndexed(f, layers, Options{BlockSize: squash.MinBlockSize})
	x := good.reuse(f, 0).Index
	for _, l := range x.head.Layers {
		for kind, s := range []section{l.Entries, l.Blocks, l.Dead} {
			read, err := x.read(s)
			if err != nil {
				f.Fatal(err)
			}
			b := read.bytes
			if kind < 2 {
				b = inflateSection(f, b)
			}
			f.Add(uint8(kind), b)
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, content []byte) {
		if kind %= 3; kind < 2 {
			w := newSectionWriter()
			w.bytes(content)
			if err := w.flush(); err != nil {
				t.Fatal(err)
			}
			written, _ := w.finish()
			content = written.bytes
		}
		odd := *x
		odd.head.Layers = append([]indexLayer(nil), x.head.Layers...)
		odd.sections = io.NewSectionReader(bytes.NewReader(append(bytes.Clone(good.index[len(good.index)-int(x.sections.Size()):]), content...)), 0, x.sections.Size()+int64(len(content)))
		l := &odd.head.Layers[0]
		*[]*section{&l.Entries, &l.Blocks, &l.Dead}[kind] = section{Offset: x.sections.Size(), Size: int64(len(content)), SHA256: newSectionContent(content).sum}
		reuse := &Reuse{File: bytes.NewReader(good.content), Size: int64(len(good.content)), Index: &odd, Layers: 2, Sums: good.result.Sums}
		_, err := Write(t.Context(), &memFile{}, layers, Options{BlockSize: squash.MinBlockSize, Reuse: reuse, LayerIDs: []string{"1", "2"}})
		var not *ReuseError
		if err != nil && !errors.As(err, &not) && !errors.Is(err, ErrTar) && !errors.Is(err, ErrTooManyIDs) {
			t.Fatalf("Write: %v", err)
		}
	})
}

func inflateSection(t testing.TB, b []byte) []byte {
	t.Helper()
	z, err := zstd.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestReuseSharesBlocks: where the file system has reflinks, the lower layers of
// two images take their room once.
func TestReuseSharesBlocks(t *testing.T) {
	if _, err := exec.LookPath("mkfs.xfs"); err != nil || os.Getuid() != 0 {
		t.Skip("making a file system with reflinks needs mkfs.xfs and root")
	}
	disk, dir := filepath.Join(t.TempDir(), "disk"), t.TempDir()
	for _, command := range [][]string{
		{"truncate", "-s", "400M", disk}, {"mkfs.xfs", "-q", "-m", "reflink=1", disk}, {"mount", "-o", "loop", disk, dir},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", command, err, out)
		}
	}
	defer func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v\n%s", err, out)
		}
	}()
	lower := memories(noisyTar(t, 4, 5<<20), tarOf(t, regular("small")))
	layers := slices.Concat(lower[:2], memories(tarOf(t, regular("new"), regular("noise/.wh.1"))))
	from, fresh := makeIndexed(t, lower, Options{}), makeIndexed(t, layers, Options{})
	source := filepath.Join(dir, "old")
	if err := os.WriteFile(source, from.content, 0o600); err != nil {
		t.Fatal(err)
	}
	old, err := os.Open(source)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	dst, err := os.Create(filepath.Join(dir, "new"))
	if err != nil {
		t.Fatal(err)
	}
	defer dst.Close()
	var index bytes.Buffer
	opts := Options{Index: &index, LayerIDs: idsOf(t, layers), Reuse: from.reuse(t, 2)}
	opts.Reuse.File = old
	result, err := Write(t.Context(), dst, layers, opts)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(dst.Name())
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, fresh, made{content, index.Bytes(), result})
	if result.Reused.SharedBytes < 20<<20 || result.Reused.SharedBytes != result.Reused.Bytes {
		t.Errorf("shared: %+v", result.Reused)
	}
}
