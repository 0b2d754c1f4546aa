package writer

import (
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
	hidden    map[hiddenName]*inode // what this layer's whiteouts took away
	aufsLinks map[string]*inode
}

// hiddenName is a name in a directory.
type hiddenName struct {
	dir  *inode
	name string
}

// apply merges a layer: what its whiteouts hide goes first, wherever they stood
// in the tar, then its entries in their order. Errors are *TarError.
func (t *tree) apply(layer int, entries []entry) error {
	m := &layerMerge{tree: t, layer: layer, hidden: make(map[hiddenName]*inode), aufsLinks: make(map[string]*inode)}
	m.hide(entries)
	for _, e := range entries {
		var err error
		switch e.kind {
		case plainName:
			err = m.place(e)
		case aufsLinkName:
			if e.inode != nil {
				m.aufsLinks[strings.Join(e.path, "/")] = e.inode
			}
		}
		if err != nil {
			return &TarError{Layer: layer, Entry: e.name, Reason: err.Error()}
		}
	}
	return nil
}

// hide takes away what the layer's whiteouts name. All of them are resolved
// before the first is carried out, so that their order does not matter.
func (m *layerMerge) hide(entries []entry) {
	replaced := replacedDirs(entries)
	var gone []hiddenName
	for _, e := range entries {
		switch e.kind {
		case whiteoutName:
			last := len(e.path) - 1
			if dir := m.findLower(e.path[:last], replaced); dir != nil {
				gone = append(gone, hiddenName{dir, e.path[last]})
			}
		case opaqueName:
			if dir := m.findLower(e.path, replaced); dir != nil {
				for name := range dir.dir {
					gone = append(gone, hiddenName{dir, name})
				}
			}
		}
	}
	for _, name := range gone {
		if child := name.dir.dir[name.name]; child != nil {
			m.hidden[name] = child
			delete(name.dir.dir, name.name)
		}
	}
}

// replacedDirs lists the paths that the layer itself makes directories.
func replacedDirs(entries []entry) map[string]bool {
	dirs := make(map[string]bool)
	for _, e := range entries {
		if e.kind == plainName && e.inode != nil && e.inode.isDir() {
			dirs[strings.Join(e.path, "/")] = true
		}
	}
	return dirs
}

// findLower finds the directory of a lower layer that a whiteout is about, or
// nil. Symbolic links are followed, except where the layer puts a directory in
// the link's place: then the whiteout means that directory, which has nothing
// of the lower layers to hide.
func (m *layerMerge) findLower(path []string, replaced map[string]bool) *inode {
	dir := m.root
	for i, name := range path {
		child := dir.dir[name]
		if child != nil && child.kind == squash.TypeSymlink {
			if replaced[strings.Join(path[:i+1], "/")] {
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
	}
	return dir
}

// place puts one entry into the tree.
func (m *layerMerge) place(e entry) error {
	if len(e.path) == 0 {
		if e.inode == nil || !e.inode.isDir() {
			return errors.New("the root is not a directory")
		}
		m.root.takeMetadata(e.inode)
		return nil
	}
	last := len(e.path) - 1
	parent, err := m.resolve(e.path[:last], m.makeMissing)
	if err != nil {
		return err
	}
	name, made := e.path[last], e.inode
	if made == nil {
		if made, err = m.linkTarget(e.link); err != nil {
			return err
		}
	}
	if old := parent.dir[name]; old != nil && old.isDir() && made.isDir() {
		old.takeMetadata(made)
		return nil
	}
	parent.setChild(name, made)
	return nil
}

// linkTarget finds the inode that a hard link names: in the tree as it is now,
// then as it was before this layer's whiteouts.
func (m *layerMerge) linkTarget(path []string) (*inode, error) {
	if len(path) == 0 {
		return nil, errors.New("hard link to the root")
	}
	if n := m.aufsLinks[strings.Join(path, "/")]; n != nil {
		return n, nil
	}
	last := len(path) - 1
	for _, look := range []lookup{lookCurrent, m.lookBefore} {
		dir, err := m.resolve(path[:last], look)
		if err != nil {
			continue
		}
		child, err := look(dir, path[last])
		if err != nil {
			continue
		}
		if child.isDir() {
			return nil, fmt.Errorf("hard link to the directory %q", strings.Join(path, "/"))
		}
		return child, nil
	}
	return nil, fmt.Errorf("hard link to %q, which does not exist", shorten(strings.Join(path, "/")))
}
