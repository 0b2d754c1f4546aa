package gunzip

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"testing"

	klauspost "github.com/klauspost/compress/gzip"
)

// corpus is what every machine that runs this has: the test's own program, about
// as compressible as a layer.
func corpus(b *testing.B) []byte {
	b.Helper()
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		b.Fatal(err)
	}
	return program
}

// BenchmarkDecompress compares this package with the decoders that could take
// its place, on the same bytes.
func BenchmarkDecompress(b *testing.B) {
	want := corpus(b)
	z := compress(b, gzip.DefaultCompression, want)
	decoders := []struct {
		name string
		open func(io.Reader) (io.Reader, error)
	}{
		{"gunzip", func(r io.Reader) (io.Reader, error) { return NewReader(r) }},
		{"klauspost", func(r io.Reader) (io.Reader, error) { return klauspost.NewReader(r) }},
		{"standard", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	}
	for _, d := range decoders {
		b.Run(d.name, func(b *testing.B) {
			b.SetBytes(int64(len(want)))
			for b.Loop() {
				r, err := d.open(bytes.NewReader(z))
				if err == nil {
					_, err = io.Copy(io.Discard, r)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
