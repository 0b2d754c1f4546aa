package check

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// lines draws the tree.
func lines(branches []Branch) string {
	var b strings.Builder
	for _, branch := range branches {
		fmt.Fprintf(&b, "%s%s %d\n", strings.Repeat(" ", branch.Depth), branch.Path, branch.Bytes)
	}
	return b.String()
}

func TestLargest(t *testing.T) {
	nodes := map[string]node{
		"opt/conda/lib/python3.12/site-packages/torch/a": bytesOf(5000), "opt/conda/lib/python3.12/site-packages/numpy/a": bytesOf(1000),
		"opt/conda/lib/python3.12/site-packages/x/a": bytesOf(10), "usr/share/doc/a": bytesOf(1500), "usr/bin/a": bytesOf(2000), "etc/x": bytesOf(5),
	}
	want := `/ 9515
 /opt/conda/lib/python3.12/site-packages 6010
  /opt/conda/lib/python3.12/site-packages/torch 5000
  /opt/conda/lib/python3.12/site-packages/numpy 1000
 /usr 3500
  /usr/bin 2000
  /usr/share/doc 1500
`
	if diff := cmp.Diff(want, lines(examine(t, Image{Files: asSquash(t, nodes)}).Size.Largest)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	few := examine(t, Image{Files: asSquash(t, many(40, "opt/d%02d/x", bytesOf(1000)))}).Size.Largest
	if len(few) != mostLines {
		t.Errorf("%d lines:\n%s", len(few), lines(few))
	}
}

// TestHardLinks: a file with two names is weighed once, and is no duplicate of itself.
func TestHardLinks(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "a"), make([]byte, 100<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(root, "a"), filepath.Join(root, "b")); err != nil {
		t.Fatal(err)
	}
	d, err := OpenDirectory(root)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	size := examine(t, Image{Files: d}).Size
	if size.Bytes != 100<<10 || size.Duplicates.Files != 0 || size.Files != 2 {
		t.Errorf("%+v", size)
	}
}

func TestDuplicates(t *testing.T) {
	same := strings.Repeat("s", 200<<10)
	nodes := map[string]node{
		"a/x": file(same), "b/x": file(same), "c/x": file(same),
		"a/y": file(same[1:] + "t"), "small/a": bytesOf(100), "small/b": bytesOf(100),
		"d/p": bytesOf(70 << 10), "d/q": bytesOf(70 << 10),
	}
	for kind, tree := range both(t, nodes) {
		want := Duplicates{Bytes: 2*(200<<10) + 70<<10, Files: 3, Groups: []Group{
			{Bytes: 200 << 10, Paths: []string{"/a/x", "/b/x", "/c/x"}}, {Bytes: 70 << 10, Paths: []string{"/d/p", "/d/q"}},
		}}
		if diff := cmp.Diff(want, examine(t, Image{Files: tree}).Size.Duplicates); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}
}

// TestEstimate: of a mixture the estimate is near to what compressing all of it gives.
func TestEstimate(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	nodes := map[string]node{}
	var all bytes.Buffer
	for i := range 40 {
		text := make([]byte, 50<<10+i*7919)
		if i%2 == 0 {
			_, _ = random.Read(text)
		} else {
			copy(text, strings.Repeat(fmt.Sprintf("line %d of a text that repeats itself\n", i), len(text)/36))
		}
		nodes[fmt.Sprintf("opt/%02d", i)] = file(string(text))
		all.Write(text)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(all.Bytes())
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got := examine(t, Image{Files: asSquash(t, nodes)}).Size.Compressed
	if want := int64(packed.Len()); got < want*8/10 || got > want*12/10 {
		t.Errorf("%d bytes are estimated, gzip makes %d", got, want)
	}
	if got := examine(t, Image{Files: asSquash(t, map[string]node{"a": file("")})}).Size.Compressed; got != 0 {
		t.Errorf("nothing takes %d bytes", got)
	}
}

func TestWaste(t *testing.T) {
	nodes := with(map[string]node{
		"usr/bin/apt-get":                                     program(),
		"var/cache/apt/archives/x.deb":                        bytesOf(5 << 20),
		"opt/conda/pkgs/numpy/x":                              bytesOf(4 << 20),
		"opt/code/.git/objects/pack/p":                        bytesOf(3 << 20),
		"usr/lib/libbig.a":                                    bytesOf(2 << 20),
		"root/Miniforge3-Linux-x86_64.sh":                     bytesOf(6 << 20),
		"usr/share/doc/x":                                     bytesOf(100), // not worth a line
		"opt/v/lib/python3.12/site-packages/n":                bytesOf(1),
		"opt/v/lib/python3.12/site-packages/numpy/tests/data": bytesOf(7 << 20),
	})
	var got []string
	for _, w := range examine(t, Image{Files: asSquash(t, nodes)}).Size.Waste {
		got = append(got, fmt.Sprint(w.Kind, " ", w.Bytes>>20, " ", w.Paths, " ", w.Next))
	}
	want := []string{
		"package-caches 9 [/var/cache/apt /opt/conda/pkgs] [apt-get clean /opt/conda/bin/conda clean --all --yes]",
		"tests 7 [/opt/v/lib/python3.12/site-packages/numpy/tests] [rm -rf /opt/v/lib/python3.12/site-packages/numpy/tests]",
		"installers 6 [/root/Miniforge3-Linux-x86_64.sh] [rm -rf /root/Miniforge3-Linux-x86_64.sh]",
		"git-histories 3 [/opt/code/.git] [rm -rf /opt/code/.git]",
		"static-libraries 2 [/usr/lib/libbig.a] [rm -rf /usr/lib/libbig.a]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCapabilities: a program that gets rights by an attribute is found like one with a
// setuid bit.
func TestCapabilities(t *testing.T) {
	d := asDirectory(t, with(map[string]node{"usr/local/bin/tool": program()}))
	// struct vfs_cap_data of revision 2: cap_net_raw, effective and permitted.
	value := []byte{1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	if err := unix.Setxattr(filepath.Join(d.root.Name(), "usr/local/bin/tool"), "security.capability", value, 0); err != nil {
		t.Skipf("capabilities of files cannot be set here: %v", err)
	}
	if diff := cmp.Diff([]string{"warns setuid /usr/local/bin/tool"}, told(examine(t, Image{Files: d}))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
