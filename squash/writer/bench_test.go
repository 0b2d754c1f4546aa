package writer

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// benchTar holds programs, libraries and what lies beside them in /usr, up to a
// limit: the mix of an image.
func benchTar(b *testing.B) []byte {
	b.Helper()
	const limit = 256 << 20 // bytes
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	err := filepath.WalkDir("/usr", func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if buf.Len() > limit {
			return filepath.SkipAll
		}
		if !d.Type().IsRegular() {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: path[1:], Mode: 0o644, Size: int64(len(content))}); err != nil {
			return err
		}
		_, err = w.Write(content)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return buf.Bytes()
}

// BenchmarkWrite measures a conversion and what it costs per CPU:
// "MB/CPU-s" is uncompressed tar bytes per second of user and system time.
func BenchmarkWrite(b *testing.B) {
	layer := benchTar(b)
	for _, level := range []int{1, 3, 6} {
		b.Run(fmt.Sprintf("zstd-%d", level), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "image.sqfs")
			b.SetBytes(int64(len(layer)))
			before := cpuSeconds(b)
			var size int64
			for b.Loop() {
				f, err := os.Create(path)
				if err != nil {
					b.Fatal(err)
				}
				result, err := Write(b.Context(), f, memories(layer), Options{Level: level})
				if err != nil {
					b.Fatal(err)
				}
				size = result.Size
				if err := f.Close(); err != nil {
					b.Fatal(err)
				}
			}
			total := float64(len(layer)) * float64(b.N)
			b.ReportMetric(total/1e6/(cpuSeconds(b)-before), "MB/CPU-s")
			b.ReportMetric(float64(len(layer))/float64(size), "ratio")
		})
	}
}

// BenchmarkTables measures what comes after the data: an image of many empty
// files is nothing but tables.
func BenchmarkTables(b *testing.B) {
	const files = 100_000
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := range files {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("%d/%d/%d", i%10, i%100, i), Mode: 0o644, Uid: i % 7}
		if err := w.WriteHeader(h); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	layer := func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil }
	for b.Loop() {
		if _, err := Write(b.Context(), &memFile{}, []Layer{layer}, Options{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(files)*float64(b.N)/b.Elapsed().Seconds(), "files/s")
}

func cpuSeconds(b *testing.B) float64 {
	b.Helper()
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}
