package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// check compares every view with the truth. The contents of the files in
// unread are not compared.
func check(t *testing.T, truth view, all []view, unread ...string) {
	t.Helper()
	want, err := truth.tree(unread...)
	if err != nil {
		t.Fatalf("%s: %v", truth, err)
	}
	compareTrees(t, truth, want, all, unread...)
	files := samples(want, unread)
	for _, v := range all {
		checkListings(t, v, want)
		if err := checkReads(truth, v, files); err != nil {
			t.Errorf("%s: %v", v, err)
		}
	}
}

// compareTrees compares what is told of every name.
func compareTrees(t *testing.T, truth view, want map[string]entry, all []view, unread ...string) {
	t.Helper()
	for _, v := range all {
		got, err := v.tree(unread...)
		if err != nil {
			t.Errorf("%s: %v", v, err)
			continue
		}
		if diff := cmp.Diff(blinded(want, truth, v), blinded(got, truth, v)); diff != "" {
			t.Errorf("%s differs from %s (-want +got):\n%.4000s", v, truth, diff)
		}
	}
}

func blinded(tree map[string]entry, views ...view) map[string]entry {
	out := make(map[string]entry, len(tree))
	for name, e := range tree {
		for _, v := range views {
			e = v.blind(e)
		}
		out[name] = e
	}
	return out
}

// checkListings compares what readdir says with the names of the tree.
func checkListings(t *testing.T, v view, tree map[string]entry) {
	t.Helper()
	children := make(map[string][]string)
	for name, e := range tree {
		if e.Type == 'd' {
			children[name] = append(children[name], []string{}...)
		}
		if name != "." {
			parent, base := split(name)
			children[parent] = append(children[parent], base)
		}
	}
	for dir, want := range children {
		got, err := v.names(dir)
		if err != nil {
			t.Errorf("%s: %v", v, err)
			continue
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: listing of %q: %s", v, dir, cmp.Diff(want, got))
		}
	}
}

func split(path string) (parent, base string) {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[:i], path[i+1:]
		}
	}
	return ".", path
}

// samples chooses at most eighty files, the largest first.
func samples(tree map[string]entry, unread []string) []string {
	var files []string
	for name, e := range tree {
		if e.Type == 'f' && e.Size < 100<<20 && !slices.Contains(unread, name) {
			files = append(files, name)
		}
	}
	slices.SortFunc(files, func(a, b string) int {
		if tree[a].Size != tree[b].Size {
			return int(tree[b].Size - tree[a].Size)
		}
		return bytes.Compare([]byte(a), []byte(b))
	})
	return files[:min(len(files), 80)]
}

// checkReads reads files in pieces at odd places from eight goroutines, each
// file from two of them at about the same time.
func checkReads(truth, v view, files []string) error {
	var wg sync.WaitGroup
	failures := make([]error, 8)
	for worker := range failures {
		wg.Go(func() {
			for i, path := range files {
				if (i+worker)%(len(failures)/2) != 0 {
					continue
				}
				if err := checkFile(truth, v, path, worker); err != nil {
					failures[worker] = fmt.Errorf("reading %s: %w", path, err)
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(failures...)
}

var errDiffers = errors.New("the bytes differ")

func checkFile(truth, v view, path string, worker int) error {
	a, err := truth.open(path)
	if err != nil {
		return err
	}
	defer closeIfOpen(a)
	b, err := v.open(path)
	if err != nil {
		return err
	}
	defer closeIfOpen(b)
	size, err := sizeOf(a)
	if err != nil {
		return err
	}
	const block = 128 << 10
	places := []int64{
		0, 1, 4095, 4096, 4097, block - 1, block, block + 1, 1<<20 - 1, 1 << 20, 5*block + 12345,
		size / 2, size - 1, size, size + 1, size + block, int64(worker) * 10007,
	}
	want, got := make([]byte, 300<<10), make([]byte, 300<<10)
	for _, off := range places {
		for _, length := range []int{1, 4096 + worker, 300<<10 - worker} {
			if off < 0 || off > size+block {
				continue
			}
			n, errA := a.ReadAt(want[:length], off)
			m, errB := b.ReadAt(got[:length], off)
			if n != m || !bytes.Equal(want[:n], got[:m]) || !errors.Is(errA, errB) {
				return fmt.Errorf("%d bytes at %d of %d: %w", length, off, size, errors.Join(
					fmt.Errorf("%w: read %d, want %d", errDiffers, m, n), errA, errB))
			}
		}
	}
	return nil
}

func closeIfOpen(r io.ReaderAt) {
	if c, ok := r.(io.Closer); ok {
		c.Close()
	}
}

// sizeOf finds the end of a file by seeking, or by reading past it.
func sizeOf(r io.ReaderAt) (int64, error) {
	if s, ok := r.(io.Seeker); ok {
		return s.Seek(0, io.SeekEnd)
	}
	if f, ok := r.(readerFile); ok {
		return int64(f.ino.Size), nil
	}
	return 0, fmt.Errorf("size of a %T", r)
}
