package fusefs

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/jrun-hpc/jrun/squash/reader"
)

// show describes what stands at a path: its type, its size, and its content
// when it is synthetic.
func show(f *FS, path string) string {
	a, errno := walkTo(f, path)
	if errno != 0 {
		return errno.Error()
	}
	origin := "image"
	if a.Node&syntheticBit != 0 {
		origin = "ours"
	}
	switch a.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return origin + " dir"
	case unix.S_IFLNK:
		target, _ := f.Readlink(a.Node)
		return origin + " link " + target
	case unix.S_IFREG:
		buf := make([]byte, 20)
		n, _ := f.Read(a.Node, buf, 0, new(reader.Fresh))
		return fmt.Sprintf("%s file %q", origin, buf[:n])
	}
	return fmt.Sprintf("%s %o", origin, a.Mode)
}

func TestSynthetic(t *testing.T) {
	content := []byte("ours")
	missing := unix.ENOENT.Error()
	tests := map[string]struct {
		add  []Synthetic
		want map[string]string
	}{
		"dir over dir":           {[]Synthetic{{Path: "/etc"}}, map[string]string{"etc": "image dir", "etc/hello": `image file "hello\n"`}},
		"dir over nothing":       {[]Synthetic{{Path: "/mnt"}}, map[string]string{"mnt": "ours dir"}},
		"missing parents":        {[]Synthetic{{Path: "a/b/c", Kind: File}}, map[string]string{"a": "ours dir", "a/b": "ours dir", "a/b/c": `ours file ""`}},
		"dir over file":          {[]Synthetic{{Path: "etc/hello"}}, map[string]string{"etc/hello": "ours dir", "etc": "image dir"}},
		"dir below a file":       {[]Synthetic{{Path: "etc/hello/x"}}, map[string]string{"etc/hello": "ours dir", "etc/hello/x": "ours dir"}},
		"dir over link to dir":   {[]Synthetic{{Path: "bin"}}, map[string]string{"bin": "image link /usr/bin", "usr/bin": "image dir"}},
		"dir over dangling link": {[]Synthetic{{Path: "dangling"}}, map[string]string{"dangling": "image link nowhere", "nowhere": "ours dir"}},
		"through a link":         {[]Synthetic{{Path: "bin/x/y", Kind: File}}, map[string]string{"usr/bin/x/y": `ours file ""`, "usr/bin/text": `image file "line 1 of a compress"`}},
		"through a link outside": {[]Synthetic{{Path: "usr/outside/x"}}, map[string]string{"etc/hello": "ours dir", "etc/hello/x": "ours dir", "usr/outside": "image link ../../../../etc/hello"}},
		"file over file":         {[]Synthetic{{Path: "etc/hello", Kind: File, Content: content}}, map[string]string{"etc/hello": `ours file "ours"`, "etc/hello-link": `image file "hello\n"`}},
		"empty file over file":   {[]Synthetic{{Path: "etc/hello", Kind: File, Content: []byte{}}}, map[string]string{"etc/hello": `ours file ""`}},
		"bind point over file":   {[]Synthetic{{Path: "etc/hello", Kind: File}}, map[string]string{"etc/hello": `image file "hello\n"`}},
		"bind point over device": {[]Synthetic{{Path: "null", Kind: File}}, map[string]string{"null": "image 20644"}},
		"file over link":         {[]Synthetic{{Path: "etc/sym", Kind: File, Content: content}}, map[string]string{"etc/sym": `ours file "ours"`, "etc/hello": `image file "hello\n"`}},
		"bind point over link":   {[]Synthetic{{Path: "dangling", Kind: File}}, map[string]string{"dangling": `ours file ""`, "nowhere": missing}},
		"file over dir":          {[]Synthetic{{Path: "etc", Kind: File}}, map[string]string{"etc": `ours file ""`}},
		"link":                   {[]Synthetic{{Path: "etc", Kind: Symlink, Content: content}}, map[string]string{"etc": "ours link ours"}},
		"order matters": {[]Synthetic{
			{Path: "var/run", Kind: Symlink, Content: []byte("../run")},
			{Path: "var/run/lock"},
			{Path: "run/lock/x", Kind: File},
		}, map[string]string{"var/run": "ours link ../run", "run": "ours dir", "run/lock": "ours dir", "run/lock/x": `ours file ""`}},
		"same twice":    {[]Synthetic{{Path: "a", Kind: File, Content: content}, {Path: "a", Kind: File, Content: []byte("2")}}, map[string]string{"a": `ours file "2"`}},
		"dots":          {[]Synthetic{{Path: "./x/../etc/./new", Kind: File}}, map[string]string{"etc/new": `ours file ""`}},
		"above root":    {[]Synthetic{{Path: "../../new", Kind: File}}, map[string]string{"new": `ours file ""`}},
		"root as a dir": {[]Synthetic{{Path: "/"}}, map[string]string{"": "image dir"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFS(t, "zstd", Options{Synthetic: tt.add})
			got := map[string]string{}
			for path := range tt.want {
				got[path] = show(f, path)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSyntheticWithoutPlace(t *testing.T) {
	for name, tt := range map[string]struct {
		add  Synthetic
		want error
	}{
		"root as a file":      {Synthetic{Path: "/", Kind: File}, unix.EINVAL},
		"loop":                {Synthetic{Path: "loop1/x"}, unix.ELOOP},
		"loop in last place":  {Synthetic{Path: "loop1"}, unix.ELOOP},
		"NUL":                 {Synthetic{Path: "a\x00b"}, unix.EINVAL},
		"long name":           {Synthetic{Path: string(slices.Repeat([]byte{'n'}, 256))}, unix.ENAMETOOLONG},
		"symlink to nothing":  {Synthetic{Path: "x", Kind: Symlink}, unix.EINVAL},
		"kind that is no one": {Synthetic{Path: "x", Kind: 7}, unix.EINVAL},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(openImage(t, "zstd"), Options{Synthetic: []Synthetic{tt.add}})
			if !errors.Is(err, tt.want) {
				t.Errorf("New: %v, want %v", err, tt.want)
			}
		})
	}
}

func TestMergedListing(t *testing.T) {
	f := newFS(t, "zstd", Options{Synthetic: []Synthetic{
		{Path: "etc/a-first", Kind: File}, {Path: "etc/zz/deep"}, {Path: "etc/hello", Kind: File, Content: []byte("x")},
	}})
	etc := mustWalk(t, f, "etc")
	want := []string{".", "..", "a-first", "hello", "zz", "hello-link", "sym"}
	for _, step := range []int{1, 2, 3, 100} {
		if diff := cmp.Diff(want, names(t, f, etc.Node, step)); diff != "" {
			t.Errorf("%d at a time: %s", step, diff)
		}
	}
	// Every entry's attributes and inode number are those of Lookup.
	inos := map[uint64]string{}
	errno := f.ReadDir(etc.Node, 2, func(e *DirEntry) bool {
		a, errno := f.EntryAttr(e)
		looked, errnoLookup := f.Lookup(etc.Node, e.Name)
		if errno != 0 || errnoLookup != 0 || a != looked || e.Ino != a.Ino || e.Mode != a.Mode&unix.S_IFMT {
			t.Errorf("%s: entry %+v %v, lookup %+v %v", e.Name, a, errno, looked, errnoLookup)
		}
		if other := inos[a.Ino]; other != "" && a.Nlink == 1 {
			t.Errorf("%s and %s have inode number %d", e.Name, other, a.Ino)
		}
		inos[a.Ino] = e.Name
		return true
	})
	if errno != 0 {
		t.Fatal(errno)
	}
	plain := newFS(t, "zstd", Options{})
	if before := mustWalk(t, plain, "etc"); etc.Nlink != before.Nlink+1 {
		t.Errorf("a new subdirectory made nlink %d of %d", etc.Nlink, before.Nlink)
	}
	hidden := newFS(t, "zstd", Options{Synthetic: []Synthetic{{Path: "usr/bin", Kind: File}}})
	if before, after := mustWalk(t, plain, "usr"), mustWalk(t, hidden, "usr"); after.Nlink != before.Nlink-1 {
		t.Errorf("a hidden subdirectory made nlink %d of %d", after.Nlink, before.Nlink)
	}
}

// FuzzRequests asks about nodes that nobody was told of.
func FuzzRequests(f *testing.F) {
	var served []*FS
	for _, image := range []string{"gzip", "zstd", "lz4", "xz", "plain", "nofrag"} {
		served = append(served, newFS(f, image, Options{Synthetic: []Synthetic{{Path: "etc/x/y"}, {Path: "etc/hello", Kind: File, Content: []byte("z")}}}))
	}
	f.Add(uint8(0), uint64(1), uint64(0), "etc")
	f.Add(uint8(1), uint64(syntheticBit), uint64(1), "y")
	f.Add(uint8(2), uint64(2), uint64(1<<63), "")
	f.Add(uint8(4), ^uint64(0), uint64(3), "user.comment")
	f.Fuzz(func(t *testing.T, which uint8, node, off uint64, name string) {
		fs := served[int(which)%len(served)]
		id := NodeID(node)
		buf := make([]byte, 3000)
		a, errno := fs.GetAttr(id)
		if errno == 0 && a.Node != id && id != NodeID(fs.sb.RootInode)+2 {
			t.Errorf("node %#x says it is %#x", id, a.Node)
		}
		_, e1 := fs.Lookup(id, name)
		_, e2 := fs.Read(id, buf, off, new(reader.Fresh))
		_, e3 := fs.Readlink(id)
		_, e4 := fs.GetXattr(id, name)
		_, e5 := fs.ListXattr(id)
		count := 0
		e6 := fs.ReadDir(id, off, func(e *DirEntry) bool {
			if e.HasAttr() {
				fs.EntryAttr(e)
			}
			count++
			return count < 1000
		})
		allowed := []unix.Errno{0, unix.ENOENT, unix.ENOTDIR, unix.EISDIR, unix.EINVAL, unix.ENODATA, unix.ENOSYS, unix.EIO}
		for _, errno := range []unix.Errno{errno, e1, e2, e3, e4, e5, e6} {
			if !slices.Contains(allowed, errno) {
				t.Errorf("errno %v", errno)
			}
		}
	})
}
