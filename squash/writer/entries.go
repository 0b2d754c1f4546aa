package writer

import (
	"iter"
	"strings"
)

// entry is one name of a layer's tar.
type entry struct {
	dir, name string // of its clean path; neighbours share the string of their directory
	link      string // clean path of a hard link's target
	inode     *inode // of what it makes; nil for a hard link or a whiteout
	kind      nameKind
}

func (e *entry) path() string {
	if e.dir == rootPath {
		return e.name
	}
	return e.dir + "/" + e.name
}

// entries is a layer's tar in its order. It grows by pieces, since a slice that
// grows is there twice for a while: names are most of the memory that an image
// of very many files takes.
type entries struct {
	pieces  [][]entry
	lastDir string
}

const piece = 4096

// add appends an entry for a clean path, of which it keeps no reference.
func (l *entries) add(path string, e entry) {
	dir, name := splitPath(path)
	if dir != l.lastDir {
		l.lastDir = strings.Clone(dir)
	}
	e.dir, e.name = l.lastDir, strings.Clone(name)
	if n := len(l.pieces); n == 0 || len(l.pieces[n-1]) == piece {
		l.pieces = append(l.pieces, make([]entry, 0, piece))
	}
	last := &l.pieces[len(l.pieces)-1]
	*last = append(*last, e)
}

func (l *entries) all() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for _, p := range l.pieces {
			for i := range p {
				if !yield(&p[i]) {
					return
				}
			}
		}
	}
}

// drain is all, and lets go of what was passed on.
func (l *entries) drain() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for len(l.pieces) > 0 {
			for i := range l.pieces[0] {
				if !yield(&l.pieces[0][i]) {
					return
				}
			}
			l.pieces[0] = nil
			l.pieces = l.pieces[1:]
		}
	}
}
