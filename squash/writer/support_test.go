package writer

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/integration/torture"
	"github.com/jrun-hpc/jrun/squash"
	"github.com/jrun-hpc/jrun/squash/reader"
)

// memory is a layer whose tar is in memory.
func memory(content []byte) Layer {
	return func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}
}

func memories(tars ...[]byte) []Layer {
	var layers []Layer
	for _, content := range tars {
		layers = append(layers, memory(content))
	}
	return layers
}

// tarOf writes headers with the content "content of NAME" for regular files
// that give no size, and zeros for those that do.
func tarOf(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range headers {
		content := make([]byte, h.Size)
		if h.Typeflag == tar.TypeReg && h.Size == 0 {
			content = []byte("content of " + h.Name)
			h.Size = int64(len(content))
		}
		if h.ModTime.IsZero() {
			h.ModTime = time.Unix(1_700_000_000, 0)
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func regular(name string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644}
}

// writeFile converts layers into a file of the test's directory.
func writeFile(t testing.TB, layers []Layer, opts Options) (string, Result) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.sqfs")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	result, err := Write(t.Context(), f, layers, opts)
	if err != nil {
		t.Fatalf("Write: %v", err)
	}
	return path, result
}

// writeBytes converts layers and returns the file's content.
func writeBytes(t testing.TB, layers []Layer, opts Options) []byte {
	t.Helper()
	path, _ := writeFile(t, layers, opts)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// kernelMount mounts a file with the kernel's squashfs.
func kernelMount(t testing.TB, path string) (root string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting with the kernel's squashfs needs root")
	}
	root = t.TempDir()
	if out, err := exec.Command("mount", "-t", "squashfs", "-o", "loop,ro", path, root).CombinedOutput(); err != nil {
		t.Fatalf("mounting %s: %v\n%s", path, err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", root).CombinedOutput(); err != nil {
			t.Errorf("unmounting %s: %v\n%s", root, err, out)
		}
	})
	return root
}

// memFile is a File in memory: no holes, so dead data is overwritten.
type memFile struct{ content []byte }

func (m *memFile) WriteAt(p []byte, at int64) (int, error) {
	if end := int(at) + len(p); end > len(m.content) {
		m.content = append(m.content, make([]byte, end-len(m.content))...)
	}
	return copy(m.content[at:], p), nil
}

func (m *memFile) ReadAt(p []byte, at int64) (int, error) {
	return bytes.NewReader(m.content).ReadAt(p, at)
}

func (m *memFile) Truncate(size int64) error {
	if int(size) <= len(m.content) {
		m.content = m.content[:size]
	} else {
		m.content = append(m.content, make([]byte, int(size)-len(m.content))...)
	}
	return nil
}

// convert writes layers to memory.
func convert(t failer, layers []Layer, opts Options) ([]byte, Result) {
	t.Helper()
	var f memFile
	result, err := Write(context.Background(), &f, layers, opts)
	if err != nil {
		t.Fatalf("Write: %v", err)
	}
	return f.content, result
}

// failer is what testing.TB and rapid.T have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// readImage describes a squashfs with our own reader, which checks every bound
// and decompresses every block.
func readImage(t failer, content []byte) map[string]torture.File {
	t.Helper()
	found, err := tryReadImage(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatalf("reading the image back: %v", err)
	}
	return found
}

func tryReadImage(src io.ReaderAt, size int64) (map[string]torture.File, error) {
	r, err := reader.Open(src, size, reader.Options{})
	if err != nil {
		return nil, err
	}
	found := make(map[string]torture.File)
	err = r.Walk(func(path string, ino *reader.Inode) error {
		found[path], err = describe(r, ino)
		return err
	})
	return found, err
}

func describe(r *reader.Reader, ino *reader.Inode) (torture.File, error) {
	f := torture.File{
		Mode: ino.Mode, UID: ino.UID, GID: ino.GID, MTime: int64(ino.MTime), Nlink: ino.Nlink,
	}
	var err error
	switch ino.Type {
	case squash.TypeFile:
		h := sha256.New()
		f.Type, f.Size = 'f', int64(ino.Size)
		_, err = io.Copy(h, io.NewSectionReader(readerAt{r, ino}, 0, f.Size))
		f.SHA256 = hex.EncodeToString(h.Sum(nil))
	case squash.TypeDir:
		f.Type = 'd'
	case squash.TypeSymlink:
		f.Type = 'l'
		f.Target, err = r.Readlink(ino)
	case squash.TypeCharDev:
		f.Type, f.Major, f.Minor = 'c', ino.Major(), ino.Minor()
	case squash.TypeBlockDev:
		f.Type, f.Major, f.Minor = 'b', ino.Major(), ino.Minor()
	case squash.TypeFifo:
		f.Type = 'p'
	}
	if err != nil {
		return f, err
	}
	names, err := r.XattrNames(ino)
	for _, name := range names {
		value, err := r.Xattr(ino, name)
		if err != nil {
			return f, err
		}
		if f.Xattrs == nil {
			f.Xattrs = make(map[string]string)
		}
		f.Xattrs[name] = string(value)
	}
	return f, err
}

type readerAt struct {
	r   *reader.Reader
	ino *reader.Inode
}

func (a readerAt) ReadAt(p []byte, off int64) (int, error) { return a.r.ReadAt(a.ino, p, off) }

// noLeaks fails the test if goroutines started since are still there at its end.
func noLeaks(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		if leaked := goroutinesAbove(before); leaked > 0 {
			stacks := make([]byte, 1<<20)
			t.Errorf("%d goroutines more than before:\n%s", leaked, stacks[:runtime.Stack(stacks, true)])
		}
	})
}

// goroutinesAbove counts the goroutines beyond a number. One that has done its
// last step may still count for a moment, so it waits a little.
func goroutinesAbove(before int) (leaked int) {
	for range 100 {
		if leaked = runtime.NumGoroutine() - before; leaked <= 0 {
			return 0
		}
		time.Sleep(time.Millisecond)
	}
	return leaked
}

// noisyTar holds count files of size bytes that do not compress.
func noisyTar(t testing.TB, count, size int) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	random := rand.NewChaCha8([32]byte{1})
	content := make([]byte, size)
	for i := range count {
		if _, err := random.Read(content); err != nil {
			t.Fatal(err)
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("noise/%d", i), Mode: 0o644, Size: int64(size)}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
