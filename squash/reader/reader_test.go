package reader

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/jrun-hpc/jrun/squash"
)

// images are the files of testdata and the description of their tree.
var images = map[string]string{
	"gzip": "tree", "zstd": "tree", "lz4": "tree", "xz": "tree", "plain": "small", "nofrag": "small",
}

func imageBytes(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".sqfs"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func openBytes(t testing.TB, data []byte, opts Options) *Reader {
	t.Helper()
	r, err := Open(bytes.NewReader(data), int64(len(data)), opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func eachImage(t *testing.T, test func(t *testing.T, r *Reader, tree string)) {
	for name, tree := range images {
		t.Run(name, func(t *testing.T) { test(t, openBytes(t, imageBytes(t, name), Options{}), tree) })
	}
}

// describe writes a file as testdata/make.sh does.
func describe(r *Reader, path string, ino *Inode) (string, error) {
	size, target, sum := "-", "-", "-"
	letter := map[squash.InodeType]string{
		squash.TypeDir: "d", squash.TypeFile: "f", squash.TypeSymlink: "l", squash.TypeBlockDev: "b",
		squash.TypeCharDev: "c", squash.TypeFifo: "p", squash.TypeSocket: "s",
	}[ino.Type]
	switch ino.Type {
	case squash.TypeFile:
		h := sha256.New()
		if _, err := io.Copy(h, io.NewSectionReader(&content{r, *ino}, 0, int64(ino.Size))); err != nil {
			return "", err
		}
		size, sum = fmt.Sprint(ino.Size), fmt.Sprintf("%x", h.Sum(nil))[:16]
	case squash.TypeSymlink:
		var err error
		if target, err = r.Readlink(ino); err != nil {
			return "", err
		}
	case squash.TypeBlockDev, squash.TypeCharDev:
		size = fmt.Sprintf("%d:%d", ino.Major(), ino.Minor())
	}
	return fmt.Sprintf("%s %o %d %d %s %s %s %s", letter, ino.Mode, ino.UID, ino.GID, size, target, sum, path), nil
}

func TestWalkFindsTheTree(t *testing.T) {
	eachImage(t, func(t *testing.T, r *Reader, tree string) {
		var got []string
		err := r.Walk(func(path string, ino *Inode) error {
			line, err := describe(r, path, ino)
			if path != "." {
				got = append(got, line)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		golden, err := os.ReadFile(filepath.Join("testdata", tree+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Split(strings.TrimSpace(string(golden)), "\n")
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// TestFS leaves out the root of the larger tree: TestFS opens every name, and
// there some symlinks lead nowhere.
func TestFS(t *testing.T) {
	eachImage(t, func(t *testing.T, r *Reader, tree string) {
		parts := map[string][]string{".": {"etc/hello", "etc/sym", "null"}}
		if tree == "tree" {
			parts = map[string][]string{"etc": {"hello", "sym"}, "usr": {"bin/text"}, "deep": {"a/b/c"}, "many": {"file-299"}}
		}
		for dir, expected := range parts {
			sub, err := fs.Sub(r.FS(), dir)
			if err != nil {
				t.Fatal(err)
			}
			if err := fstest.TestFS(sub, expected...); err != nil {
				t.Errorf("%s: %v", dir, err)
			}
		}
	})
}

func TestHardLinksShareAnInode(t *testing.T) {
	eachImage(t, func(t *testing.T, r *Reader, _ string) {
		a, errA := r.Resolve("etc/hello", false)
		b, errB := r.Resolve("etc/hello-link", false)
		if err := errors.Join(errA, errB); err != nil {
			t.Fatal(err)
		}
		if a.Ref != b.Ref || a.Number != b.Number || a.Nlink != 2 || b.Nlink != 2 {
			t.Errorf("hard links differ: %+v and %+v", a, b)
		}
		if a.ModTime().Unix() != 1700000000 {
			t.Errorf("mtime is %v", a.ModTime())
		}
	})
}

func TestResolve(t *testing.T) {
	r := openBytes(t, imageBytes(t, "zstd"), Options{})
	tests := map[string]struct {
		path   string
		follow bool
		want   string // the same place without symlinks
		err    error
	}{
		"plain":                  {"/etc/hello", false, "etc/hello", nil},
		"root":                   {"/", true, ".", nil},
		"empty":                  {"", true, ".", nil},
		"dots":                   {"./etc/.././/etc/./hello", true, "etc/hello", nil},
		"above the root":         {"../../etc/hello", true, "etc/hello", nil},
		"through absolute link":  {"bin/text", true, "usr/bin/text", nil},
		"link followed":          {"etc/sym", true, "etc/hello", nil},
		"link kept":              {"etc/sym", false, "etc/sym", nil},
		"link to a directory":    {"bin", true, "usr/bin", nil},
		"slash follows":          {"bin/", false, "usr/bin", nil},
		"link leaves the root":   {"usr/outside", true, "etc/hello", nil},
		"missing":                {"etc/none", true, "", fs.ErrNotExist},
		"missing parent":         {"none/none", true, "", fs.ErrNotExist},
		"dangling":               {"dangling", true, "", fs.ErrNotExist},
		"dangling kept":          {"dangling", false, "dangling", nil},
		"loop":                   {"loop1", true, "", unix.ELOOP},
		"file as directory":      {"etc/hello/x", true, "", unix.ENOTDIR},
		"slash behind a file":    {"etc/hello/", true, "", unix.ENOTDIR},
		"dot behind a file":      {"etc/hello/.", true, "", unix.ENOTDIR},
		"link to file, slash":    {"etc/sym/", true, "", unix.ENOTDIR},
		"name longer than legal": {strings.Repeat("n", 300), true, "", fs.ErrNotExist},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := r.Resolve(tt.path, tt.follow)
			if !errors.Is(err, tt.err) {
				t.Fatalf("Resolve(%q, %t) = %v, want %v", tt.path, tt.follow, err, tt.err)
			}
			if tt.err != nil {
				return
			}
			want, err := r.Resolve(tt.want, false)
			if err != nil {
				t.Fatal(err)
			}
			if got.Ref != want.Ref {
				t.Errorf("Resolve(%q, %t) is not %q", tt.path, tt.follow, tt.want)
			}
		})
	}
}

func TestXattrs(t *testing.T) {
	long := strings.Repeat("v", 300)
	tests := map[string]map[string]string{
		"etc/hello":      {"user.comment": "a value"},
		"usr/bin/text":   {"trusted.same": long}, // one of these two is stored out of line
		"usr/bin/random": {"trusted.same": long},
		"deep":           {"user.ondir": "z"},
		"etc":            {},
	}
	for _, image := range []string{"gzip", "zstd", "lz4", "xz"} {
		r := openBytes(t, imageBytes(t, image), Options{})
		for path, want := range tests {
			t.Run(image+"/"+path, func(t *testing.T) {
				ino, err := r.Resolve(path, true)
				if err != nil {
					t.Fatal(err)
				}
				got := map[string]string{}
				names, err := r.XattrNames(&ino)
				if err != nil {
					t.Fatal(err)
				}
				for _, name := range names {
					value, err := r.Xattr(&ino, name)
					if err != nil {
						t.Fatal(err)
					}
					got[name] = string(value)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
				if _, err := r.Xattr(&ino, "user.absent"); !errors.Is(err, unix.ENODATA) {
					t.Errorf("absent xattr: %v", err)
				}
			})
		}
	}
}

// TestReadAtOddPlaces reads at every kind of offset and length around block
// boundaries and compares with the whole.
func TestReadAtOddPlaces(t *testing.T) {
	for _, cacheSize := range []int64{1, DefaultBlockCache} {
		for name := range images {
			t.Run(fmt.Sprintf("%s/cache %d", name, cacheSize), func(t *testing.T) {
				r := openBytes(t, imageBytes(t, name), Options{BlockCache: cacheSize, MetadataCache: cacheSize, DirCache: cacheSize})
				err := r.Walk(func(path string, ino *Inode) error {
					if ino.Type != squash.TypeFile {
						return nil
					}
					return checkReads(r, path, ino)
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func checkReads(r *Reader, path string, ino *Inode) error {
	whole := make([]byte, ino.Size)
	if _, err := r.ReadAt(ino, whole, 0); err != nil && (!errors.Is(err, io.EOF) || ino.Size > 0) {
		return fmt.Errorf("%s: whole: %w", path, err)
	}
	size := int64(ino.Size)
	for _, off := range []int64{0, 1, 100, 4095, 4096, 4097, 8191, 20000, size - 1, size, size + 1, size + 10000} {
		for _, length := range []int{0, 1, 7, 4095, 4096, 4097, 12288, 50000} {
			if off < 0 {
				continue
			}
			p := bytes.Repeat([]byte{0xaa}, length)
			n, err := r.ReadAt(ino, p, off)
			want := whole[min(off, size):min(off+int64(length), size)]
			if !bytes.Equal(p[:n], want) {
				return fmt.Errorf("%s: %d bytes at %d: got %d, want %d", path, length, off, n, len(want))
			}
			if atEnd := errors.Is(err, io.EOF); err != nil && !atEnd || n < length && !atEnd {
				return fmt.Errorf("%s: %d of %d bytes at %d: wrong error: %w", path, n, length, off, err)
			}
		}
	}
	return nil
}

func TestWrongKindsOfFile(t *testing.T) {
	r := openBytes(t, imageBytes(t, "zstd"), Options{})
	find := func(path string) *Inode {
		ino, err := r.Resolve(path, false)
		if err != nil {
			t.Fatal(err)
		}
		return &ino
	}
	if _, err := r.ReadAt(find("etc"), make([]byte, 1), 0); !errors.Is(err, unix.EISDIR) {
		t.Errorf("reading a directory: %v", err)
	}
	if _, err := r.ReadAt(find("null"), make([]byte, 1), 0); !errors.Is(err, unix.EINVAL) {
		t.Errorf("reading a device: %v", err)
	}
	if _, err := r.ReadAt(find("etc/hello"), make([]byte, 1), -1); !errors.Is(err, unix.EINVAL) {
		t.Errorf("negative offset: %v", err)
	}
	if _, err := r.Readlink(find("etc")); !errors.Is(err, unix.EINVAL) {
		t.Errorf("target of a directory: %v", err)
	}
	if _, err := r.ReadDir(find("etc/hello")); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("listing a file: %v", err)
	}
	if _, err := r.Lookup(find("etc/hello"), "x"); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("looking up in a file: %v", err)
	}
}

func TestConcurrentReadersAgree(t *testing.T) {
	for name, tree := range images {
		t.Run(name, func(t *testing.T) {
			// Caches of a few blocks keep eviction busy.
			r := openBytes(t, imageBytes(t, name), Options{BlockCache: 3 << 12, MetadataCache: 10 << 10, DirCache: 4 << 10})
			golden, err := os.ReadFile(filepath.Join("testdata", tree+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Split(strings.TrimSpace(string(golden)), "\n")
			var wg sync.WaitGroup
			for worker := range 8 {
				wg.Go(func() {
					for i := range want {
						line := want[(i*7+worker*31)%len(want)]
						path := line[strings.LastIndexByte(line, ' ')+1:]
						ino, err := r.Resolve(path, false)
						if err != nil {
							t.Error(err)
							return
						}
						if got, err := describe(r, path, &ino); err != nil || got != line {
							t.Errorf("got %q, %v; want %q", got, err, line)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}
