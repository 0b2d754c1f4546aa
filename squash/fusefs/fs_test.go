package fusefs

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/jrun-hpc/jrun/squash"
	"github.com/jrun-hpc/jrun/squash/reader"
)

// openImage opens one of the reader's test images.
func openImage(t testing.TB, name string) *reader.Reader {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "reader", "testdata", name+".sqfs"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := reader.Open(bytes.NewReader(data), int64(len(data)), reader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func newFS(t testing.TB, image string, opts Options) *FS {
	t.Helper()
	f, err := New(openImage(t, image), opts)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// walkTo looks up a path without following symlinks.
func walkTo(f *FS, path string) (Attr, unix.Errno) {
	a, errno := f.GetAttr(RootID)
	for name := range strings.SplitSeq(path, "/") {
		if name == "" || errno != 0 {
			continue
		}
		a, errno = f.Lookup(a.Node, name)
	}
	return a, errno
}

func mustWalk(t *testing.T, f *FS, path string) Attr {
	t.Helper()
	a, errno := walkTo(f, path)
	if errno != 0 {
		t.Fatalf("%s: %v", path, errno)
	}
	return a
}

// names lists a directory, asking for at most step entries at a time.
func names(t *testing.T, f *FS, node NodeID, step int) []string {
	t.Helper()
	var got []string
	off := uint64(0)
	for {
		n := 0
		errno := f.ReadDir(node, off, func(e *DirEntry) bool {
			if n == step {
				return false
			}
			n++
			off = e.Off
			got = append(got, e.Name)
			return true
		})
		if errno != 0 {
			t.Fatalf("reading directory %d: %v", node, errno)
		}
		if n == 0 {
			return got
		}
	}
}

func TestAnswersAgreeWithTheReader(t *testing.T) {
	for _, image := range []string{"gzip", "zstd", "lz4", "xz", "plain", "nofrag"} {
		t.Run(image, func(t *testing.T) {
			f := newFS(t, image, Options{StoredOwners: true})
			err := f.r.Walk(func(path string, ino *reader.Inode) error {
				a := mustWalk(t, f, strings.TrimPrefix(path, "."))
				want := Attr{
					Node: a.Node, Ino: uint64(ino.Number), Mode: typeMode(ino.Type) | ino.Mode, Nlink: ino.Nlink,
					Size: ino.Size, Blocks: a.Blocks, MTime: uint64(ino.MTime), Rdev: ino.Rdev, UID: ino.UID, GID: ino.GID,
				}
				if diff := cmp.Diff(want, a); diff != "" {
					t.Errorf("%s: %s", path, diff)
				}
				again, errno := f.GetAttr(a.Node)
				if errno != 0 || again != a {
					t.Errorf("%s: GetAttr %+v, %v; Lookup %+v", path, again, errno, a)
				}
				checkContent(t, f, path, ino, a)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func checkContent(t *testing.T, f *FS, path string, ino *reader.Inode, a Attr) {
	t.Helper()
	switch ino.Type {
	case squash.TypeFile:
		want := make([]byte, ino.Size)
		if _, err := f.r.ReadAt(ino, want, 0); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		got := make([]byte, ino.Size+10)
		n, errno := f.Read(a.Node, got, 0, new(reader.Fresh))
		if errno != 0 || !bytes.Equal(got[:n], want) {
			t.Errorf("%s: read %d bytes, %v", path, n, errno)
		}
	case squash.TypeSymlink:
		want, err := f.r.Readlink(ino)
		if err != nil {
			t.Fatal(err)
		}
		if got, errno := f.Readlink(a.Node); errno != 0 || got != want {
			t.Errorf("%s: target %q, %v; want %q", path, got, errno, want)
		}
	case squash.TypeDir:
		whole := names(t, f, a.Node, 1<<20)
		if diff := cmp.Diff(whole, names(t, f, a.Node, 1)); diff != "" {
			t.Errorf("%s: listed in one and in many requests: %s", path, diff)
		}
		entries, err := f.r.ReadDir(ino)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{".", ".."}
		for _, e := range entries {
			want = append(want, e.Name)
		}
		if diff := cmp.Diff(want, whole); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

func TestErrorNumbers(t *testing.T) {
	f := newFS(t, "zstd", Options{
		Synthetic: []Synthetic{{Path: "new/dir"}, {Path: "new/file", Kind: File}, {Path: "new/link", Kind: Symlink, Content: []byte("x")}},
		OnError:   func(err error) { t.Errorf("no failure of the image: %v", err) },
	})
	node := func(path string) NodeID { return mustWalk(t, f, path).Node }
	read := func(n NodeID, off uint64) unix.Errno {
		_, errno := f.Read(n, make([]byte, 1), off, new(reader.Fresh))
		return errno
	}
	readlink := func(n NodeID) unix.Errno {
		_, errno := f.Readlink(n)
		return errno
	}
	lookup := func(n NodeID, name string) unix.Errno {
		_, errno := f.Lookup(n, name)
		return errno
	}
	readdir := func(n NodeID) unix.Errno { return f.ReadDir(n, 0, func(*DirEntry) bool { return true }) }
	xattr := func(n NodeID) unix.Errno {
		_, errno := f.GetXattr(n, "user.none")
		return errno
	}
	for name, tt := range map[string]struct{ got, want unix.Errno }{
		"missing name":              {lookup(RootID, "none"), unix.ENOENT},
		"missing synthetic name":    {lookup(node("new"), "none"), unix.ENOENT},
		"name in a file":            {lookup(node("etc/hello"), "x"), unix.ENOTDIR},
		"name in a synthetic file":  {lookup(node("new/file"), "x"), unix.ENOTDIR},
		"read of a directory":       {read(node("etc"), 0), unix.EISDIR},
		"read of a synthetic dir":   {read(node("new"), 0), unix.EISDIR},
		"read of a synthetic link":  {read(node("new/link"), 0), unix.EINVAL},
		"read past the end":         {read(node("etc/hello"), 1<<40), 0},
		"read past synthetic end":   {read(node("new/file"), 1<<40), 0},
		"negative offset":           {read(node("etc/hello"), 1<<63), unix.EINVAL},
		"target of a file":          {readlink(node("etc/hello")), unix.EINVAL},
		"target of synthetic file":  {readlink(node("new/file")), unix.EINVAL},
		"listing of a file":         {readdir(node("etc/hello")), unix.ENOTDIR},
		"listing of synthetic file": {readdir(node("new/file")), unix.ENOTDIR},
		"absent xattr":              {xattr(node("etc/hello")), unix.ENODATA},
		"synthetic xattr":           {xattr(node("new/file")), unix.ENODATA},
		"unknown synthetic":         {read(syntheticBit|99, 0), unix.ENOENT},
		"node 0":                    {read(0, 0), unix.ENOENT},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %v, want %v", name, tt.got, tt.want)
		}
	}
	bare := newFS(t, "nofrag", Options{})
	if bare.r.HasXattrs() {
		t.Fatal("this image should have no xattrs")
	}
	if _, errno := bare.ListXattr(RootID); errno != unix.ENOSYS {
		t.Errorf("xattrs where there are none: %v", errno)
	}
}

func TestCorruptImageIsReported(t *testing.T) {
	data, err := os.ReadFile("../reader/testdata/zstd.sqfs")
	if err != nil {
		t.Fatal(err)
	}
	copy(data[squash.SuperblockSize+12:], "not what was here") // the first data block
	r, err := reader.Open(bytes.NewReader(data), int64(len(data)), reader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var reported []error
	f, err := New(r, Options{OnError: func(err error) { reported = append(reported, err) }})
	if err != nil {
		t.Fatal(err)
	}
	err = r.Walk(func(path string, ino *reader.Inode) error {
		if ino.Type != squash.TypeFile {
			return nil
		}
		if _, errno := f.Read(f.nodeOf(ino.Ref), make([]byte, ino.Size), 0, new(reader.Fresh)); errno != 0 && errno != unix.EIO {
			t.Errorf("%s: %v", path, errno)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(reported) == 0 || !errors.Is(reported[0], squash.ErrCorrupt) {
		t.Errorf("reported: %v", reported)
	}
}
