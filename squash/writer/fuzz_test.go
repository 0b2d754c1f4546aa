package writer

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/jrun-hpc/jrun/squash"
)

// FuzzTarMerge: any bytes as two layers give ErrTar or a valid image, and no
// goroutine is left. Run it with -fuzzminimizetime 5x: the goroutines make the
// coverage of one input vary, which otherwise keeps the fuzzer minimizing.
func FuzzTarMerge(f *testing.F) {
	for _, seed := range fuzzSeeds(f) {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, lower, upper []byte) {
		lower, upper = mendChecksums(lower), mendChecksums(upper)
		before := runtime.NumGoroutine()
		var file memFile
		opts := Options{BlockSize: squash.MinBlockSize, Jobs: 2, Level: 1, SparseLimit: 1 << 20}
		_, err := Write(t.Context(), &file, memories(lower, upper), opts)
		if leaked := goroutinesAbove(before); leaked > 0 {
			t.Fatalf("%d goroutines more than before", leaked)
		}
		if err != nil {
			if !errors.Is(err, ErrTar) {
				t.Fatalf("Write: %v, want ErrTar or success", err)
			}
			return
		}
		found := readImage(t, file.content)
		for name := range found {
			for c := range strings.SplitSeq(name, "/") {
				if c == ".." || c == "" || len(c) > squash.MaxNameLength {
					t.Fatalf("the image holds the name %q", name)
				}
			}
		}
	})
}

// mendChecksums makes headers valid again that the fuzzer changed: few random
// bytes would get past the checksum.
func mendChecksums(content []byte) []byte {
	content = bytes.Clone(content)
	const blockSize = 512
	for at := 0; at+blockSize <= len(content); at += blockSize {
		if header := content[at : at+blockSize]; string(header[257:262]) == "ustar" {
			fixChecksum(header)
		}
	}
	return content
}

// fuzzSeeds are small layers that use every kind of entry.
func fuzzSeeds(t testing.TB) [][2][]byte {
	ops := func(o ...op) []byte { return tarOps(o) }
	gnu := tarOf(t, tar.Header{Typeflag: tar.TypeReg, Name: strings.Repeat("long/", 40) + "name", Format: tar.FormatGNU})
	xattrs := tarOf(t, tar.Header{Typeflag: tar.TypeReg, Name: "x", PAXRecords: map[string]string{
		"SCHILY.xattr.user.a": "1", "SCHILY.xattr.security.capability": "\x01\x00\x00\x02", "SCHILY.xattr.system.posix_acl_access": "",
	}})
	devices := tarOf(t,
		tar.Header{Typeflag: tar.TypeChar, Name: "dev/null", Devmajor: 1, Devminor: 3},
		tar.Header{Typeflag: tar.TypeBlock, Name: "dev/sda", Devmajor: 8},
		tar.Header{Typeflag: tar.TypeReg, Name: "zeros", Size: 10_000})
	return [][2][]byte{
		{nil, nil},
		{tarOf(t), tarOf(t)},
		{
			ops(op{kind: 'd', name: "a"}, op{kind: 'f', name: "a/b", content: "x"}, op{kind: 'l', name: "c", target: "/a"}),
			ops(op{kind: 'w', name: "a/b"}, op{kind: 'f', name: "c/d", content: "y"}, op{kind: 'h', name: "e", target: "a/b"}),
		},
		{
			ops(op{kind: 'd', name: "."}, op{kind: 'f', name: "a", content: strings.Repeat("z", 9000)}, op{kind: 'h', name: "b", target: "a"}),
			ops(op{kind: 'o', name: "."}, op{kind: 'd', name: "a"}, op{kind: 'p', name: "a/p"}),
		},
		{
			ops(op{kind: 'l', name: "a", target: "b"}, op{kind: 'l', name: "b", target: "../../c"}, op{kind: 'd', name: "c"}),
			ops(op{kind: 'f', name: "a/f", content: "1"}, op{kind: 'd', name: "a"}, op{kind: 'f', name: "a/f", content: "2"}),
		},
		{gnu, xattrs},
		{devices, ops(op{kind: 'w', name: "dev"}, op{kind: 'f', name: "dev", content: "no directory"})},
	}
}

// TestLayersCutShort cuts the seeds at every place of interest.
func TestLayersCutShort(t *testing.T) {
	for _, seed := range fuzzSeeds(t) {
		for _, layer := range seed {
			for cut := 0; cut < len(layer); cut += 128 {
				var file memFile
				_, err := Write(t.Context(), &file, memories(layer[:cut]), Options{BlockSize: squash.MinBlockSize, Jobs: 1})
				if err != nil && (!errors.Is(err, ErrTar) || errors.Is(err, io.EOF)) {
					t.Fatalf("cut at %d of %d: %v", cut, len(layer), err)
				}
				if err == nil {
					readImage(t, bytes.Clone(file.content))
				}
			}
		}
	}
}
