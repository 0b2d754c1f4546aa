package inventory

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"

	"golang.org/x/sys/unix"
)

// The most that is read.
const (
	mostFile    = 128 << 20 // of a database
	mostHead    = 256 << 10 // of a file of one package
	mostEntries = 4 << 20   // of directories, altogether
	mostDepth   = 64
	mostTaken   = 500_000 // packages
)

// tree is a mounted file system, read so that nothing leads out of it.
type tree struct {
	root    int // descriptor of its directory
	entries int // that may still be read
}

func openTree(root string) (*tree, error) {
	fd, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the root of the file system %s: %w", root, err)
	}
	return &tree{root: fd, entries: mostEntries}, nil
}

func (t *tree) close() { _ = unix.Close(t.root) }

// open opens a directory or a regular file by its path inside. Nothing else: a FIFO
// would wait for its writer for ever.
func (t *tree) open(name string) (*os.File, error) {
	fd, err := unix.Openat2(t.root, "./"+name, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_NONBLOCK | unix.O_CLOEXEC | unix.O_NOCTTY,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	info, err := f.Stat()
	if err == nil && !info.IsDir() && !info.Mode().IsRegular() {
		err = errors.New("no regular file")
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	return f, nil
}

// file is a file's contents, the first most bytes of them.
func (t *tree) file(name string, most int64) ([]byte, bool) {
	f, err := t.open(name)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most))
	return data, err == nil
}

// list is a directory, sorted; what cannot be read of it is missing.
func (t *tree) list(name string) []fs.DirEntry {
	f, err := t.open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	var all []fs.DirEntry
	for t.entries > 0 {
		some, err := f.ReadDir(min(4096, t.entries))
		t.entries -= len(some)
		all = append(all, some...)
		if err != nil || len(some) == 0 {
			break
		}
	}
	slices.SortFunc(all, func(a, b fs.DirEntry) int {
		if a.Name() < b.Name() {
			return -1
		}
		return 1
	})
	return all
}

// skipped are directories where no libraries are, and many files.
var skipped = map[string]bool{
	"/proc": true, "/sys": true, "/dev": true, "/run": true, "/tmp": true, "/var/tmp": true, "/var/lib/dpkg": true, "/var/cache": true, "/var/lib/apt": true,
	"/usr/share/doc": true, "/usr/share/man": true, "/usr/share/locale": true, "/usr/share/icons": true, "/usr/share/zoneinfo": true,
	"/usr/share/fonts": true, "/usr/share/help": true, "/usr/include": true, "/usr/src": true, "/boot": true, "/lost+found": true,
}

// walk calls visit for each directory with its entries. If visit returns false, what is
// below it is not walked through.
func (t *tree) walk(dir string, depth int, visit func(dir string, entries []fs.DirEntry) bool) {
	if depth > mostDepth || skipped[dir] || t.entries <= 0 {
		return
	}
	entries := t.list(dir)
	if !visit(dir, entries) {
		return
	}
	for _, e := range entries {
		if e.IsDir() {
			t.walk(path.Join(dir, e.Name()), depth+1, visit)
		}
	}
}
