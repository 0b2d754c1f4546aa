package writer

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
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
