package fusefs

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jrun-hpc/jrun/squash"
	"github.com/jrun-hpc/jrun/squash/reader"
)

// manyFiles returns the 300 files of one directory of the image, in order.
func manyFiles(t *testing.T, r *reader.Reader) []reader.Inode {
	t.Helper()
	dir, err := r.Resolve("many", false)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := r.ReadDir(&dir)
	if err != nil {
		t.Fatal(err)
	}
	var files []reader.Inode
	for _, e := range entries {
		ino, err := r.EntryInode(e)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, ino)
	}
	return files
}

// pageCache stands for the kernel: what is not in it must be asked for.
type pageCache struct {
	walks  *walks
	have   map[squash.InodeRef]bool
	pushed []squash.InodeRef
	asked  int
	wants  func(ino *reader.Inode) bool // nil for everything
}

func newPageCache(r *reader.Reader) *pageCache {
	return &pageCache{walks: &walks{r: r}, have: make(map[squash.InodeRef]bool)}
}

func (c *pageCache) read(ino *reader.Inode) {
	if c.have[ino.Ref] {
		return
	}
	c.asked++
	c.have[ino.Ref] = true
	c.walks.saw(ino, c.store)
}

func (c *pageCache) store(ino *reader.Inode) bool {
	if c.wants != nil && !c.wants(ino) {
		return false
	}
	c.have[ino.Ref] = true
	c.pushed = append(c.pushed, ino.Ref)
	return true
}

func TestWalkIsPushedAhead(t *testing.T) {
	r := openImage(t, "zstd")
	c := newPageCache(r)
	files := manyFiles(t, r)
	for i := range files {
		if i == walkRun-1 && len(c.pushed) > 0 {
			t.Fatalf("%d files were pushed before %d were read", len(c.pushed), walkRun)
		}
		c.read(&files[i])
	}
	// Windows of 16, 32, 64, 128 and 128 files, and one READ for each.
	if c.asked > walkRun+5 {
		t.Errorf("%d of %d files were asked for", c.asked, len(files))
	}
	if !slices.IsSorted(c.pushed) || slices.Contains(c.pushed, files[0].Ref) {
		t.Error("files were pushed out of order, or late")
	}
}

func TestNoWalk(t *testing.T) {
	r := openImage(t, "zstd")
	for name, step := range map[string]int{"every second": 2, "every seventh": 7, "backwards": -1} {
		c := newPageCache(r)
		files := manyFiles(t, r)
		if step < 0 {
			slices.Reverse(files)
			step = -step
		}
		for i := 0; i < len(files); i += step {
			c.read(&files[i])
		}
		if len(c.pushed) > 0 {
			t.Errorf("%s: %d files were pushed", name, len(c.pushed))
		}
	}
}

// TestWalksTakeTurns reads in two places of the image by turns.
func TestWalksTakeTurns(t *testing.T) {
	r := openImage(t, "zstd")
	c := newPageCache(r)
	files := manyFiles(t, r)
	for i := range 100 {
		c.read(&files[i])
		c.read(&files[150+i])
	}
	if c.asked > 30 {
		t.Errorf("%d of 200 files were asked for", c.asked)
	}
}

// TestWalkPastWhatTheKernelKnows pushes until the kernel refuses a file, because
// it has not seen the directory yet, and goes on when it is read.
func TestWalkPastWhatTheKernelKnows(t *testing.T) {
	r := openImage(t, "zstd")
	c := newPageCache(r)
	files := manyFiles(t, r)
	edge := files[20].Ref
	known := false
	c.wants = func(ino *reader.Inode) bool { return known || ino.Ref < edge }
	for i := range files[:20] {
		c.read(&files[i])
	}
	if c.asked > walkRun+1 {
		t.Errorf("%d of 20 files were asked for before the edge", c.asked)
	}
	known, c.asked = true, 0
	for i := range files[20:100] {
		c.read(&files[20+i])
	}
	if c.asked > 5 {
		t.Errorf("%d of 80 files were asked for after the edge", c.asked)
	}
}

// TestMountPushesAhead reads a directory's files through the kernel, which must
// find most of them in its page cache, with the right content.
func TestMountPushesAhead(t *testing.T) {
	f := newFS(t, "zstd", Options{Threads: 2})
	c := &counter{counts: map[opcode]int{}}
	dir := mount(t, f, c.observe, unix.MS_RDONLY)
	if _, err := os.ReadDir(filepath.Join(dir, "many")); err != nil {
		t.Fatal(err)
	}
	// One thread must be the asker: others might read the same at the same time.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	reads := 0
	for i := range 300 {
		c.take()
		name := filepath.Join(dir, "many", fmt.Sprintf("file-%03d", i))
		content, err := os.ReadFile(name)
		if want := fmt.Sprintf("%03d\n", i); err != nil || string(content) != want {
			t.Fatalf("%s: %q, %v; want %q", name, content, err, want)
		}
		if n := c.take()[opRead]; n > 0 {
			reads += n
		}
	}
	t.Logf("%d READs for 300 files", reads)
	if reads > lonelyReads+walkRun+10 {
		t.Errorf("the kernel asked for %d of 300 files", reads)
	}
}

func TestWhoReadsAlone(t *testing.T) {
	a := asker{}
	for i := range lonelyReads {
		if a.alone(7) {
			t.Fatalf("alone after %d READs", i+1)
		}
	}
	if !a.alone(7) || a.alone(8) || a.alone(7) {
		t.Error("one who reads alone is not known, or two who take turns are taken for one")
	}
	for range 2 * lonelyReads {
		if a.alone(0) {
			t.Fatal("whoever the kernel does not name is taken for one")
		}
	}
}
