package reader_test

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/squash/reader"
	"github.com/jrun-hpc/jrun/squash/writer"
)

// manyFiles streams a layer of so many files of a few bytes, 1000 in a folder.
func manyFiles(files int) writer.Layer {
	return func(context.Context) (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() {
			tw := tar.NewWriter(w)
			for i := range files {
				content := fmt.Sprint(i % 50)
				h := &tar.Header{
					Typeflag: tar.TypeReg, Name: fmt.Sprintf("d%d/file-%d", i/1000, i), Mode: 0o644,
					Size: int64(len(content)), ModTime: time.Unix(int64(i), 0),
				}
				if err := tw.WriteHeader(h); err != nil {
					w.CloseWithError(err)
					return
				}
				if _, err := io.WriteString(tw, content); err != nil {
					return
				}
			}
			w.CloseWithError(tw.Close())
		}()
		return r, nil
	}
}

// counted counts what is read of a file.
type counted struct {
	*os.File
	bytes, reads atomic.Int64
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	c.reads.Add(1)
	c.bytes.Add(int64(len(p)))
	return c.File.ReadAt(p, off)
}

// TestManyFiles opens an image of 500,000 files: that costs the same as for one
// of a few, and after all were looked at the caches hold what they may.
func TestManyFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("half a million files take some seconds")
	}
	const files = 500_000
	file, err := os.Create(filepath.Join(t.TempDir(), "image"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := writer.Write(t.Context(), file, []writer.Layer{manyFiles(files)}, writer.Options{}); err != nil {
		t.Fatal(err)
	}
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC() // what the writer left
	before := heap()
	src := &counted{File: file}
	began := time.Now()
	r, err := reader.Open(src, info.Size(), reader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Resolve("d250/file-250500", true); err != nil {
		t.Fatal(err)
	}
	t.Logf("opened and one file found in %v, %d reads, %d bytes of %d", time.Since(began), src.reads.Load(), src.bytes.Load(), info.Size())
	if reads, bytes := src.reads.Load(), src.bytes.Load(); reads > 30 || bytes > 300<<10 {
		t.Errorf("opening took %d reads of %d bytes", reads, bytes)
	}
	seen := 0
	if err := r.Walk(func(string, *reader.Inode) error { seen++; return nil }); err != nil {
		t.Fatal(err)
	}
	if want := files + files/1000 + 1; seen != want {
		t.Errorf("%d names, want %d", seen, want)
	}
	runtime.GC()
	const caches = reader.DefaultMetadataCache + reader.DefaultDirCache
	grown := int64(heap() - before)
	runtime.KeepAlive(r)
	t.Logf("after looking at every file %d KiB more in memory", grown>>10)
	if grown > caches+4<<20 {
		t.Errorf("memory grew by %d bytes, the caches may have %d", grown, caches)
	}
}

// heap is how many bytes are in use.
func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
