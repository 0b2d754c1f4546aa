package upload_test

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/vmtemplate/upload"
)

// BenchmarkCompress is a first push of what a machine has in /usr/lib/python3, 64 MiB of
// it at most, to a registry on loopback: nearly all of it is compression.
func BenchmarkCompress(b *testing.B) {
	layer := &tarLayer{tar: tarOf(b, "/usr/lib/python3", 64<<20)}
	for name, c := range map[string]upload.Compression{"gzip": upload.Gzip, "zstd": upload.Zstd} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(layer.tar)))
			var size int64
			for b.Loop() {
				p := newHarbor(b, fakeharbor.Options{})
				o := p.options()
				o.Compression, o.ChunkBytes = c, 0
				size = p.push(newImage(b, layer), o).Size
			}
			b.ReportMetric(float64(len(layer.tar))/float64(size), "ratio")
		})
	}
}

// BenchmarkAgain is a push of what is there, with ten layers.
func BenchmarkAgain(b *testing.B) {
	p := newHarbor(b, fakeharbor.Options{})
	layers := []*tarLayer{}
	for i := range 10 {
		layers = append(layers, newLayer(b, uint64(i), 100*kib))
	}
	img := newImage(b, layers...)
	p.push(img, p.options())
	for b.Loop() {
		if p.push(img, p.options()).Counts.Wire != 0 {
			b.Fatal("something was sent")
		}
	}
}

func tarOf(b *testing.B, dir string, most int) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || out.Len() > most {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: path, Mode: 0o644, Size: int64(len(text))}); err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	})
	if err != nil || w.Close() != nil || out.Len() < 1<<20 {
		b.Skipf("%s has too little to compress (%v)", dir, err)
	}
	return out.Bytes()
}
