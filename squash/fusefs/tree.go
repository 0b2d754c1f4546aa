package fusefs

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jrun-hpc/jrun/squash"
)

// Kind is what a synthetic node is.
type Kind int

// Kinds of synthetic nodes.
const (
	Dir Kind = iota
	File
	Symlink
)

func (k Kind) String() string {
	switch k {
	case Dir:
		return "directory"
	case File:
		return "file"
	case Symlink:
		return "symlink"
	}
	return fmt.Sprintf("kind %d", int(k))
}

// Synthetic is a node laid over the image. The package comment has the rules.
type Synthetic struct {
	Path string // from the image's root
	Kind Kind
	// Content of a file, or the target of a symlink. For a file nil differs
	// from empty: nil is a place to mount something, and leaves a file that
	// the image has alone.
	Content []byte
	// Mode is the permission bits; 0 means 0755 for directories and 0644 for
	// files.
	Mode uint32
	// MTime is in seconds since the epoch.
	MTime uint32
}

// maxSymlinks is how many symlinks one path may cross, as in the kernel.
const maxSymlinks = 40

// tree is what lies over the image. After finish it never changes, so requests
// read it without a lock.
type tree struct {
	fs       *FS
	nodes    []*synthetic
	overlays map[NodeID]*overlay // by directory, of the image or synthetic
}

// synthetic is one node; its number is its place in tree.nodes.
type synthetic struct {
	kind    Kind
	mode    uint32
	mtime   uint32
	content []byte
	parent  NodeID
}

// overlay is what a directory shows besides, or instead of, what the image has.
type overlay struct {
	children map[string]NodeID
	names    []string // sorted
	links    int32    // to add to the directory's link count
}

func newTree(f *FS) *tree { return &tree{fs: f, overlays: make(map[NodeID]*overlay)} }

func (t *tree) node(id NodeID) *synthetic {
	if i := id &^ syntheticBit; i < NodeID(len(t.nodes)) {
		return t.nodes[i]
	}
	return nil
}

func (t *tree) child(dir NodeID, name string) (NodeID, bool) {
	o := t.overlays[dir]
	if o == nil {
		return 0, false
	}
	id, ok := o.children[name]
	return id, ok
}

func (t *tree) extraLinks(dir NodeID) int32 {
	if o := t.overlays[dir]; o != nil {
		return o.links
	}
	return 0
}

// attr describes an existing synthetic node. Its inode number follows those of
// the image.
func (t *tree) attr(id NodeID) Attr {
	n := t.node(id)
	a := Attr{
		Node:  id,
		Ino:   uint64(t.fs.sb.Inodes) + 1 + uint64(id&^syntheticBit),
		Nlink: 1,
		Size:  uint64(len(n.content)),
		MTime: uint64(n.mtime),
		UID:   t.fs.opts.UID,
		GID:   t.fs.opts.GID,
	}
	switch n.kind {
	case Dir:
		a.Mode = unix.S_IFDIR | n.mode
		a.Nlink = uint32(2 + t.extraLinks(id))
	case File:
		a.Mode = unix.S_IFREG | n.mode
		a.Blocks = (a.Size + 511) / 512
	case Symlink:
		a.Mode = unix.S_IFLNK | 0o777
	}
	return a
}

// make adds a node under a name, over whatever had that name.
func (t *tree) make(parent NodeID, name string, n *synthetic) NodeID {
	id := syntheticBit | NodeID(len(t.nodes))
	n.parent = parent
	t.nodes = append(t.nodes, n)
	o := t.overlays[parent]
	if o == nil {
		o = &overlay{children: make(map[string]NodeID)}
		t.overlays[parent] = o
	}
	o.children[name] = id
	return id
}

func (t *tree) makeDir(parent NodeID, name string, mode, mtime uint32) NodeID {
	return t.make(parent, name, &synthetic{kind: Dir, mode: mode, mtime: mtime})
}

// add places one node.
func (t *tree) add(s Synthetic) error {
	if strings.ContainsRune(s.Path, 0) {
		return unix.EINVAL
	}
	parent, name, err := t.place(s)
	if err != nil {
		return err
	}
	if name == "" {
		if s.Kind == Dir {
			return nil // the root, or a directory reached by ".."
		}
		return unix.EINVAL
	}
	if len(name) > squash.MaxNameLength {
		return unix.ENAMETOOLONG
	}
	there, err := t.fs.lookup(parent, name)
	exists := err == nil
	if err != nil && t.fs.errno(err) != unix.ENOENT {
		return err
	}
	mode := s.Mode & 0o7777
	switch s.Kind {
	case Dir:
		if exists && isType(there, unix.S_IFDIR) {
			return nil
		}
		if mode == 0 {
			mode = 0o755
		}
		t.makeDir(parent, name, mode, s.MTime)
	case File:
		if exists && s.Content == nil && !isType(there, unix.S_IFDIR) && !isType(there, unix.S_IFLNK) {
			return nil
		}
		if mode == 0 {
			mode = 0o644
		}
		t.make(parent, name, &synthetic{kind: File, mode: mode, mtime: s.MTime, content: s.Content})
	case Symlink:
		if len(s.Content) == 0 {
			return unix.EINVAL
		}
		t.make(parent, name, &synthetic{kind: Symlink, mode: 0o777, mtime: s.MTime, content: s.Content})
	default:
		return unix.EINVAL
	}
	return nil
}

func isType(a Attr, t uint32) bool { return a.Mode&unix.S_IFMT == t }

// place finds the directory and the name for a node. It makes the directories
// that are missing on the way, also in place of a file. The last name is
// followed when it is a symlink and a directory is wanted. An empty name means
// the directory itself.
func (t *tree) place(s Synthetic) (NodeID, string, error) {
	trail := []NodeID{RootID}
	todo := s.Path
	for links := 0; ; {
		todo = strings.TrimLeft(todo, "/")
		here := trail[len(trail)-1]
		name, rest, _ := strings.Cut(todo, "/")
		rest = strings.TrimLeft(rest, "/")
		switch name {
		case "":
			return here, "", nil
		case ".":
			todo = rest
			continue
		case "..":
			trail = trail[:max(1, len(trail)-1)]
			todo = rest
			continue
		}
		last := rest == ""
		child, err := t.fs.lookup(here, name)
		switch {
		case err != nil && t.fs.errno(err) != unix.ENOENT:
			return 0, "", err
		case err == nil && isType(child, unix.S_IFLNK) && (!last || s.Kind == Dir):
			if links++; links > maxSymlinks {
				return 0, "", unix.ELOOP
			}
			target, err := t.fs.readlink(child.Node)
			if err != nil {
				return 0, "", err
			}
			if strings.HasPrefix(target, "/") {
				trail = trail[:1]
			}
			if todo = target + "/" + rest; len(todo) > maxPath {
				return 0, "", unix.ENAMETOOLONG
			}
		case last:
			return here, name, nil
		case err == nil && isType(child, unix.S_IFDIR):
			trail = append(trail, child.Node)
			todo = rest
		default:
			trail = append(trail, t.makeDir(here, name, 0o755, s.MTime))
			todo = rest
		}
	}
}

// maxPath bounds a path with its symlinks expanded, in bytes.
const maxPath = 64 << 10

// finish sorts the names and counts the links, once all nodes are in place.
func (t *tree) finish() error {
	for dir, o := range t.overlays {
		o.names = slices.Sorted(maps.Keys(o.children))
		for name, id := range o.children {
			if t.node(id).kind == Dir {
				o.links++
			}
			if dir&syntheticBit != 0 {
				continue
			}
			hidden, err := t.imageEntry(dir, name)
			if err != nil {
				return err
			}
			if hidden == squash.TypeDir {
				o.links--
			}
		}
	}
	return nil
}

// imageEntry returns the type of what the image has under a name, 0 if nothing.
func (t *tree) imageEntry(dir NodeID, name string) (squash.InodeType, error) {
	ino, err := t.fs.inode(dir)
	if err != nil {
		return 0, err
	}
	e, err := t.fs.r.LookupEntry(&ino, name)
	if err != nil && t.fs.errno(err) == unix.ENOENT {
		return 0, nil
	}
	return e.Type, err
}
