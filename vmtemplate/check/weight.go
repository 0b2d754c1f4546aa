package check

import (
	"cmp"
	"container/heap"
	"context"
	"path"
	"slices"
	"strings"
)

// mostLines bounds the tree of the biggest directories.
const mostLines = 15

// Size is how large an image is, and what it could do without.
type Size struct {
	Bytes      int64 // of all files, hard links once
	Files      int   // files, directories and links
	Compressed int64 // an estimate of what is uploaded and stored; see estimate
	Largest    []Branch
	Waste      []Waste
	Duplicates Duplicates
}

// Branch is a line of the tree of the biggest directories.
type Branch struct {
	Path  string // absolute
	Depth int    // of the line: 0 for the root
	Bytes int64
	Files int
}

// directory is what is in and below a directory.
type directory struct {
	path     string
	bytes    int64
	files    int
	children []*directory
}

// scale weighs directories, and remembers files for what needs their contents.
type scale struct {
	root  *directory
	at    map[string]*directory
	files []weighed
	waste wasteful
}

// weighed is a file and its size in bytes.
type weighed struct {
	path  string
	bytes int64
}

func newScale() *scale {
	root := &directory{path: "."}
	return &scale{root: root, at: map[string]*directory{".": root}}
}

func (s *scale) visit(e *entry) {
	if e.path == "." {
		return
	}
	bytes := e.bytes
	if e.again {
		bytes = 0
	}
	parent := s.at[path.Dir(e.path)]
	if e.dir() {
		d := &directory{path: e.path}
		s.at[e.path] = d
		if parent != nil {
			parent.children = append(parent.children, d)
		}
	}
	for dir := path.Dir(e.path); ; dir = path.Dir(dir) {
		if d := s.at[dir]; d != nil {
			d.bytes += bytes
			d.files++
		}
		if dir == "." {
			break
		}
	}
	if bytes > 0 {
		s.files = append(s.files, weighed{e.path, bytes})
		s.waste.visit(e)
	}
}

func (s *scale) size(ctx context.Context, x *examination) (Size, error) {
	size := Size{Bytes: s.root.bytes, Files: s.root.files, Largest: s.tree(), Waste: s.waste.list(x, s.root.bytes)}
	slices.SortFunc(s.files, func(a, b weighed) int { return cmp.Compare(a.path, b.path) })
	var err error
	if size.Compressed, err = estimate(ctx, x.Files, s.files); err != nil {
		return Size{}, err
	}
	size.Duplicates, err = duplicates(ctx, x.Files, s.files)
	return size, err
}

// tree chooses the lines: again and again the largest directory below one that is
// shown, so that the eye follows where the bytes are.
func (s *scale) tree() []Branch {
	least := s.root.bytes / 50
	shown := map[*directory]bool{s.root: true}
	candidates := &byBytes{}
	offer := func(d *directory) {
		for _, c := range d.children {
			if c.bytes > 0 && c.bytes >= least {
				heap.Push(candidates, c)
			}
		}
	}
	offer(s.root)
	for lines := 1; lines < mostLines && candidates.Len() > 0; {
		d := heap.Pop(candidates).(*directory)
		// A directory that is nearly all of its parent takes the parent's line.
		for only := d.mostly(); only != nil; only = d.mostly() {
			d = only
		}
		shown[d] = true
		lines++
		offer(d)
	}
	var branches []Branch
	var list func(d *directory, depth int)
	list = func(d *directory, depth int) {
		if shown[d] {
			branches = append(branches, Branch{Path: "/" + strings.TrimPrefix(d.path, "."), Depth: depth, Bytes: d.bytes, Files: d.files})
			depth++
		}
		slices.SortFunc(d.children, func(a, b *directory) int {
			return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.path, b.path))
		})
		for _, c := range d.children {
			list(c, depth)
		}
	}
	list(s.root, 0)
	return branches
}

// mostly is the one directory in d that has nearly all of its bytes; nil if there is none.
func (d *directory) mostly() *directory {
	for _, c := range d.children {
		if c.bytes*20 >= d.bytes*19 {
			return c
		}
	}
	return nil
}

// byBytes is a heap with the largest directory first.
type byBytes []*directory

func (h byBytes) Len() int      { return len(h) }
func (h byBytes) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h byBytes) Less(i, j int) bool {
	return h[i].bytes > h[j].bytes || h[i].bytes == h[j].bytes && h[i].path < h[j].path
}
func (h *byBytes) Push(d any) { *h = append(*h, d.(*directory)) }
func (h *byBytes) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
