package writer

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jrun-hpc/jrun/squash"
)

// maxLinks is how many symbolic links one path may pass through, as in Linux.
const maxLinks = 40

var (
	errMissing  = errors.New("no such directory")
	errLinkLoop = errors.New("too many levels of symbolic links")
)

// lookup finds or makes a child of a directory; errMissing says there is none.
type lookup func(dir *inode, name string) (*inode, error)

func lookCurrent(dir *inode, name string) (*inode, error) {
	if child := dir.child(name); child != nil {
		return child, nil
	}
	return nil, errMissing
}

// lookBefore sees the tree as the lower layers left it.
func (m *layerMerge) lookBefore(dir *inode, name string) (*inode, error) {
	child, changed := m.before[dirName{dir, name}]
	if !changed {
		return lookCurrent(dir, name)
	}
	if child == nil {
		return nil, errMissing
	}
	return child, nil
}

// makeMissing makes the directories that no tar mentions.
func (m *layerMerge) makeMissing(dir *inode, name string) (*inode, error) {
	child := dir.child(name)
	if child == nil {
		if len(name) > squash.MaxNameLength {
			return nil, fmt.Errorf("parent directory with a name of %d bytes", len(name))
		}
		child = newImpliedDir(m.layer)
		m.set(dir, name, child)
	}
	return child, nil
}

// resolve finds the directory at path as a process would whose root is the
// image's: symbolic links are followed, also in the last place, and nothing
// leads above the root.
func (t *tree) resolve(path string, look lookup) (*inode, error) {
	var room [16]*inode               // as deep as most paths are: this is done for every entry
	trail := append(room[:0], t.root) // from the root to where we are
	todo := path
	links := 0
	for todo != "" {
		var name string
		name, todo, _ = strings.Cut(todo, "/")
		switch name {
		case "", ".":
			continue
		case "..": // only in a link's target: cleanPath refuses it
			trail = trail[:max(1, len(trail)-1)]
			continue
		}
		child, err := look(trail[len(trail)-1], name)
		if err != nil {
			return nil, err
		}
		switch {
		case child.isDir():
			trail = append(trail, child)
		case child.kind == squash.TypeSymlink:
			if links++; links > maxLinks {
				return nil, errLinkLoop
			}
			if strings.HasPrefix(child.target, "/") {
				trail = trail[:1]
			}
			todo = child.target + "/" + todo
		default:
			return nil, fmt.Errorf("the parent %q is not a directory", shorten(name))
		}
	}
	return trail[len(trail)-1], nil
}
