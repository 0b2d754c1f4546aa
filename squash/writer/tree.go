package writer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jrun-hpc/jrun/squash"
)

// tree is the merged image so far.
type tree struct {
	root *inode
	xattrs
}

func newTree() *tree {
	return &tree{root: newImpliedDir(-1), xattrs: newXattrs()}
}

// layerMerge applies one layer to the tree.
type layerMerge struct {
	*tree
	layer     int
	before    map[dirName]*inode // names that this layer changed: what they were, nil for nothing
	aufsLinks map[string]*inode
}

// dirName is a name in a directory.
type dirName struct {
	dir  *inode
	name string
}

// set changes what a name stands for; nil removes it. What it stood for in the
// lower layers is kept in before. The names in a directory that this layer made
// need no record, since the lower layers do not reach it.
func (m *layerMerge) set(dir *inode, name string, child *inode) {
	if dir.layer < int32(m.layer) {
		key := dirName{dir, name}
		if _, known := m.before[key]; !known {
			m.before[key] = dir.child(name)
		}
	}
	if child == nil {
		delete(dir.children.byName, name)
		return
	}
	dir.children.add(name, child)
}

// apply merges a layer: what its whiteouts hide goes first, wherever they stood
// in the tar, then its entries in their order. Errors are *TarError or ctx's.
func (t *tree) apply(ctx context.Context, layer int, list *entries) error {
	m := &layerMerge{tree: t, layer: layer, before: make(map[dirName]*inode), aufsLinks: make(map[string]*inode)}
	m.hide(list)
	for e := range list.drain() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var err error
		switch e.kind {
		case plainName:
			err = m.place(e)
		case aufsLinkName:
			if e.inode != nil {
				m.aufsLinks[e.path()] = e.inode
			}
		}
		if err != nil {
			return &TarError{Layer: layer, Entry: e.path(), Reason: err.Error()}
		}
	}
	return nil
}

// hide takes away what the layer's whiteouts name. All of them are resolved
// before the first is carried out, so that their order does not matter.
func (m *layerMerge) hide(list *entries) {
	replaced := replacedDirs(list)
	var gone []dirName
	for e := range list.all() {
		switch e.kind {
		case whiteoutName:
			if dir := m.findLower(e.dir, replaced); dir != nil && dir.child(e.name) != nil {
				gone = append(gone, dirName{dir, e.name})
			}
		case opaqueName:
			if dir := m.findLower(e.path(), replaced); dir != nil {
				for name := range dir.children.byName {
					gone = append(gone, dirName{dir, name})
				}
			}
		}
	}
	for _, name := range gone {
		m.set(name.dir, name.name, nil)
	}
}

// replacedDirs lists the paths that the layer itself makes directories.
func replacedDirs(list *entries) map[string]bool {
	dirs := make(map[string]bool)
	for e := range list.all() {
		if e.kind == plainName && e.inode != nil && e.inode.isDir() {
			dirs[e.path()] = true
		}
	}
	return dirs
}

// findLower finds the directory of a lower layer that a whiteout is about, or
// nil. Symbolic links are followed, except where the layer puts a directory in
// the link's place: then the whiteout means that directory, which has nothing
// of the lower layers to hide.
func (m *layerMerge) findLower(path string, replaced map[string]bool) *inode {
	dir := m.root
	for at := 0; at < len(path); {
		name, _, _ := strings.Cut(path[at:], "/")
		at += len(name)
		child := dir.child(name)
		if child != nil && child.kind == squash.TypeSymlink {
			if replaced[path[:at]] {
				return nil
			}
			found, err := m.resolve(path, lookCurrent)
			if err != nil {
				return nil
			}
			return found
		}
		if child == nil || !child.isDir() {
			return nil
		}
		dir = child
		at++ // the slash
	}
	return dir
}

// place puts one entry into the tree.
func (m *layerMerge) place(e *entry) error {
	if e.path() == rootPath {
		if e.inode == nil || !e.inode.isDir() {
			return errors.New("the root is not a directory")
		}
		m.root.takeMetadata(e.inode)
		return nil
	}
	parent, err := m.resolve(e.dir, m.makeMissing)
	if err != nil {
		return err
	}
	made := e.inode
	if made == nil {
		if made, err = m.linkTarget(e.link); err != nil {
			return err
		}
	}
	if old := parent.child(e.name); old != nil && old.isDir() && made.isDir() {
		old.takeMetadata(made)
		return nil
	}
	m.set(parent, e.name, made)
	return nil
}

// linkTarget finds the inode that a hard link names: in the tree as it is now,
// then as the lower layers left it.
func (m *layerMerge) linkTarget(path string) (*inode, error) {
	if path == rootPath {
		return nil, errors.New("hard link to the root")
	}
	if n := m.aufsLinks[path]; n != nil {
		return n, nil
	}
	parent, name := splitPath(path)
	for _, look := range []lookup{lookCurrent, m.lookBefore} {
		dir, err := m.resolve(parent, look)
		if err != nil {
			continue
		}
		child, err := look(dir, name)
		if err != nil {
			continue
		}
		if child.isDir() {
			return nil, fmt.Errorf("hard link to the directory %q", shorten(path))
		}
		return child, nil
	}
	return nil, fmt.Errorf("hard link to %q, which does not exist", shorten(path))
}
