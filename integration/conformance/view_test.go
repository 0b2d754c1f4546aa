package conformance

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jrun-hpc/jrun/integration/torture"
)

// entry is everything that can be asked about one name.
type entry struct {
	torture.File
	Same   string // the first name, in order, of the same file
	Blocks bool   // whether fewer blocks are allocated than the size needs
}

// view is one way to see an image. Paths are relative to the root, ".".
type view interface {
	String() string
	// tree describes every name; the contents of the files in unread are not
	// hashed.
	tree(unread ...string) (map[string]entry, error)
	// names lists a directory, in any order, without "." and "..".
	names(dir string) ([]string, error)
	// open opens a regular file.
	open(path string) (io.ReaderAt, error)
	// blind takes out of an entry what this view cannot know.
	blind(e entry) entry
}

// folder is a view of a directory on this machine.
type folder struct {
	name, root string
	blinds     []func(*entry)
}

func (f folder) String() string { return f.name }

func (f folder) blind(e entry) entry {
	for _, blind := range f.blinds {
		blind(&e)
	}
	return e
}

func (f folder) tree(unread ...string) (map[string]entry, error) {
	files, err := torture.Walk(f.root, unread...)
	if err != nil {
		return nil, err
	}
	inodes := make(map[string]uint64)
	tree := make(map[string]entry)
	for name, file := range files {
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(f.root, name), &st); err != nil {
			return nil, fmt.Errorf("stat of %s: %w", name, err)
		}
		if st.Mode&unix.S_IFMT == unix.S_IFSOCK {
			file.Type = 's'
		}
		inodes[name] = st.Ino
		tree[name] = entry{File: file, Blocks: file.Type == 'f' && st.Blocks*512 < st.Size}
	}
	groupLinks(tree, inodes)
	return tree, nil
}

// groupLinks fills in Same from the inode numbers.
func groupLinks[N comparable](tree map[string]entry, inodes map[string]N) {
	first := make(map[N]string)
	names := make([]string, 0, len(tree))
	for name := range tree {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if _, seen := first[inodes[name]]; !seen {
			first[inodes[name]] = name
		}
		e := tree[name]
		e.Same = first[inodes[name]]
		tree[name] = e
	}
}

func (f folder) names(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(f.root, dir))
	if err != nil {
		return nil, err
	}
	return entryNames(entries), nil
}

func entryNames(entries []fs.DirEntry) []string {
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}

func (f folder) open(path string) (io.ReaderAt, error) {
	return os.Open(filepath.Join(f.root, path))
}

// What views are blind to.

func blindToOwners(e *entry) { e.UID, e.GID = 0, 0 }

func blindToHoles(e *entry) { e.Blocks = false }

// blindToDirTimes leaves out what unpacking changes by putting files into
// directories.
func blindToDirTimes(e *entry) {
	if e.Type == 'd' {
		e.MTime = 0
	}
}

func blindToXattrs(e *entry) { e.Xattrs = nil }

// blindToLargeXattrs leaves out values that ext4 has no room for.
func blindToLargeXattrs(e *entry) {
	kept := map[string]string{}
	for name, value := range e.Xattrs {
		if len(value) < 3000 && !strings.HasPrefix(name, "security.selinux") {
			kept[name] = value
		}
	}
	if e.Xattrs = kept; len(kept) == 0 {
		e.Xattrs = nil
	}
}
