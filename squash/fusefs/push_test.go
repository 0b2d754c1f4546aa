package fusefs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jrun-hpc/jrun/squash/reader"
)

// manyBlocks returns an image with the file etc/hello of 32 blocks, and what is
// in it. The cache is so small that each READ decompresses what is then pushed.
func manyBlocks(t *testing.T) (*FS, []byte) {
	t.Helper()
	tree := t.TempDir()
	var content []byte
	for i := 0; len(content) < 4<<20; i++ {
		content = fmt.Appendf(content, "line %d of a file of many blocks\n", i)
	}
	err := errors.Join(os.Mkdir(filepath.Join(tree, "etc"), 0o755), os.WriteFile(filepath.Join(tree, "etc/hello"), content, 0o644))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "image")
	if out, err := exec.Command("mksquashfs", tree, path, "-quiet", "-no-progress").CombinedOutput(); err != nil {
		t.Skipf("no mksquashfs to use: %v %s", err, out)
	}
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := reader.Open(bytes.NewReader(image), int64(len(image)), reader.Options{BlockCache: 1})
	if err != nil {
		t.Fatal(err)
	}
	f, err := New(r, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return f, content
}

// askBy is a READ of a page by a thread.
func askBy(thread uint32, node NodeID, offset uint64) []byte {
	m := askRead(opRead, node, offset, pageSize)
	native.PutUint32(m[32:], thread)
	return m
}

// TestPushedPages is about which pages are pushed for a READ in the middle of a
// block: all others of the block, while nobody else reads.
func TestPushedPages(t *testing.T) {
	const blockSize = 128 << 10
	f, content := manyBlocks(t)
	node := mustWalk(t, f, "etc/hello").Node
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	p := newPusher(f, pair[0])
	w, other := newWorker(f, session{}, p, -1), newWorker(f, session{}, p, -1)
	w.pushes = true
	// pushed returns for each page of a block whether a READ of one had it pushed.
	pushed := func(thread uint32, block, page uint64) (pages [blockSize / pageSize]bool) {
		t.Helper()
		message := askBy(thread, node, block*blockSize+page*pageSize)
		w.respond(message)
		endOf(w, message)
		buf := make([]byte, 2*blockSize)
		for {
			n, err := unix.Read(pair[1], buf)
			if errors.Is(err, unix.EAGAIN) {
				return pages
			}
			if err != nil {
				t.Fatal(err)
			}
			offset, data := native.Uint64(buf[24:]), buf[40:n]
			if NodeID(native.Uint64(buf[16:])) != node || offset%pageSize != 0 || !bytes.Equal(data, content[offset:][:len(data)]) {
				t.Fatalf("%d bytes at %d are pushed, or other ones", len(data), offset)
			}
			for at := offset; at < offset+uint64(len(data)); at += pageSize {
				pages[(at-block*blockSize)/pageSize] = true
			}
		}
	}
	var none, all [blockSize / pageSize]bool
	for i := range all {
		all[i] = true
	}
	for i := range uint64(lonelyReads) {
		if pushed(7, i, 3) != none {
			t.Fatalf("pages are pushed after %d READs by one thread", i+1)
		}
	}
	for _, page := range []uint64{0, 5, uint64(len(all) - 1)} {
		want := all
		want[page] = false // it waits for its answer
		if got := pushed(7, 20+page%3, page); got != want {
			t.Errorf("READ of page %d: pushed are %v", page, got)
		}
	}
	busy := askBy(7, node, 0)
	other.respond(busy)
	if pushed(7, 25, 1) != none {
		t.Error("pages are pushed while another READ is being answered")
	}
	endOf(other, busy)
	if pushed(7, 26, 1) == none {
		t.Error("nothing is pushed any more")
	}
	if pushed(8, 27, 1) != none || pushed(7, 28, 1) != none {
		t.Error("pages are pushed for threads that take turns")
	}
}
