package check

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/squash/reader"
	"github.com/jrun-hpc/jrun/squash/writer"
	"golang.org/x/sys/unix"
)

// node is a file of a made image: contents, or where a link leads; with a mode.
type node struct {
	mode fs.FileMode // 0 is a file 0644, and a directory without type bits does not exist
	text string
}

func file(text string) node     { return node{0o644, text} }
func program() node             { return node{0o755, "\x7fELF"} }
func link(to string) node       { return node{fs.ModeSymlink | 0o777, to} }
func folder() node              { return node{fs.ModeDir | 0o755, ""} }
func mode(m fs.FileMode) node   { return node{m, "x"} }
func bytesOf(n int) node        { return file(strings.Repeat("x", n)) }
func closed(m fs.FileMode) node { return node{fs.ModeDir | m, ""} }

var day = time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)

// plain is an image that jobs can use, and in which nothing is to be found.
func plain() map[string]node {
	return map[string]node{"bin/sh": program(), "bin/bash": program(), "usr/bin/env": program(), "usr/lib/locale/C.utf8/LC_CTYPE": file("x"), "etc/passwd": file("root:x:0:0::/root:/bin/sh\n"), "tmp": {fs.ModeDir | fs.ModeSticky | 0o777, ""}}
}

func with(changes map[string]node) map[string]node {
	all := plain()
	maps.Copy(all, changes)
	return all
}

// both makes the image as a directory and as a squashfs.
func both(t *testing.T, nodes map[string]node) map[string]Tree {
	t.Helper()
	return map[string]Tree{"directory": asDirectory(t, nodes), "squash": asSquash(t, nodes)}
}

func asDirectory(t *testing.T, nodes map[string]node) *Directory {
	t.Helper()
	root := t.TempDir()
	names := slices.Sorted(maps.Keys(nodes))
	for _, name := range names {
		n, at := nodes[name], filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		switch {
		case n.mode.IsDir():
			err = os.MkdirAll(at, 0o755)
		case n.mode&fs.ModeSymlink != 0:
			err = os.Symlink(n.text, at)
		case n.mode&fs.ModeNamedPipe != 0:
			err = unix.Mkfifo(at, 0o644)
		default:
			err = os.WriteFile(at, []byte(n.text), 0o600)
		}
		if err == nil && n.mode.IsRegular() {
			err = os.Chtimes(at, day, day)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range slices.Backward(names) {
		if n := nodes[name]; n.mode&fs.ModeSymlink == 0 {
			if err := os.Chmod(filepath.Join(root, name), n.mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	d, err := OpenDirectory(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.Close()
		for name, n := range nodes {
			if n.mode.IsDir() {
				_ = os.Chmod(filepath.Join(root, name), 0o700) // so that it can be removed
			}
		}
	})
	return d
}

func asSquash(t *testing.T, nodes map[string]node) Squash {
	t.Helper()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		n := nodes[name]
		h, err := tar.FileInfoHeader(modeInfo{n.mode, int64(len(n.text))}, n.text)
		if err != nil {
			t.Fatal(err)
		}
		h.Name, h.ModTime = name, day
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if n.mode.IsRegular() {
			if _, err := io.WriteString(w, n.text); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	image, err := os.Create(filepath.Join(t.TempDir(), "image.sqfs"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { image.Close() })
	open := func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil }
	if _, err := writer.Write(t.Context(), image, []writer.Layer{open}, writer.Options{}); err != nil {
		t.Fatal(err)
	}
	info, err := image.Stat()
	if err != nil {
		t.Fatal(err)
	}
	r, err := reader.Open(image, info.Size(), reader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return OpenSquash(r)
}

// modeInfo is what a tar header is made of.
type modeInfo struct {
	mode fs.FileMode
	size int64
}

func (i modeInfo) Name() string       { return "x" }
func (i modeInfo) Size() int64        { return i.size }
func (i modeInfo) Mode() fs.FileMode  { return i.mode }
func (i modeInfo) ModTime() time.Time { return day }
func (i modeInfo) IsDir() bool        { return i.mode.IsDir() }
func (i modeInfo) Sys() any           { return nil }

// TestTrees: both trees give the same answers, and keep to what is in the image.
func TestTrees(t *testing.T) {
	nodes := with(map[string]node{
		"usr/lib/os-release": file("ID=debian\n"), "etc/os-release": link("../usr/lib/os-release"), "abs": link("/usr/lib/os-release"),
		"escape": link("../../../../../../etc/hostname"), "loop": link("loop"), "fifo": {fs.ModeNamedPipe | 0o644, ""}, "dir": link("/usr/lib"),
	})
	for name, tree := range both(t, nodes) {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"etc/os-release", "abs", "dir/os-release"} {
				if text, err := fs.ReadFile(tree, path); err != nil || string(text) != "ID=debian\n" {
					t.Errorf("%s: %q, %v", path, text, err)
				}
			}
			for _, path := range []string{"escape", "loop", "missing", "../x", "/etc"} {
				if f, err := tree.Open(path); err == nil {
					f.Close()
					t.Errorf("%s can be opened", path)
				}
			}
			if target, err := tree.ReadLink("abs"); err != nil || target != "/usr/lib/os-release" {
				t.Errorf("the link leads to %q, %v", target, err)
			}
			info, err := tree.Lstat("fifo")
			if err != nil || info.Mode().Type() != fs.ModeNamedPipe {
				t.Errorf("fifo: %v, %v", info, err)
			}
			if info, err := tree.Stat("tmp"); err != nil || info.Mode() != fs.ModeDir|fs.ModeSticky|0o777 {
				t.Errorf("tmp: %v, %v", info, err)
			}
		})
	}
}

// TestFileSystem: the directory keeps io/fs's contract.
func TestFileSystem(t *testing.T) {
	d := asDirectory(t, map[string]node{"a/b": file("b"), "c": file("c"), "l": link("a/b")})
	if err := fstest.TestFS(d, "a/b", "c"); err != nil {
		t.Error(err)
	}
}

// TestFIFO: what is neither a file nor a directory is not opened, which could wait for
// ever.
func TestFIFO(t *testing.T) {
	d := asDirectory(t, map[string]node{"fifo": {fs.ModeNamedPipe | 0o644, ""}})
	if _, err := d.Open("fifo"); err == nil {
		t.Error("a pipe was opened")
	}
	diff := cmp.Diff([]string{"fifo"}, namesIn(t, d))
	if diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func namesIn(t *testing.T, tree Tree) []string {
	t.Helper()
	entries, err := tree.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
