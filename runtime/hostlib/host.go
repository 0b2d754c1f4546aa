package hostlib

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Host finds libraries of a machine as its loader does. It reads each file once
// and is not safe for concurrent use.
type Host struct {
	// LibraryPath are directories that are looked into first, as LD_LIBRARY_PATH
	// says; for libraries that a user has made available with modules.
	LibraryPath []string

	root    string
	cache   map[string][]cacheEntry
	dirs    []string // without a cache, or for what was installed after it was made
	library map[string]Library
}

// NewHost looks at the system whose root directory is root: "/", or a tree made for
// tests.
func NewHost(root string) (*Host, error) {
	h := &Host{root: root, cache: map[string][]cacheEntry{}, dirs: Directories(root), library: map[string]Library{}}
	f, err := os.Open(filepath.Join(root, cacheFile))
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what libraries there are: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxCache))
	if err != nil {
		return nil, fmt.Errorf("reading what libraries there are: %w", err)
	}
	for _, e := range parseCache(text) {
		h.cache[e.soname] = append(h.cache[e.soname], e)
	}
	return h, nil
}

// Open reads the library at a path of the host. Its Path is without symbolic links.
func (h *Host) Open(name string) (Library, error) {
	target, err := resolve(h.root, name)
	if err != nil {
		return Library{}, err
	}
	if l, ok := h.library[target]; ok {
		return l, nil
	}
	l, err := Open(filepath.Join(h.root, target))
	if err != nil {
		return Library{}, err
	}
	l.Path = target
	h.library[target] = l
	return l, nil
}

// Find returns the library that a program of the given kind gets under a name.
func (h *Host) Find(soname string, class elf.Class, machine elf.Machine) (Library, bool) {
	if l, ok := h.in(h.LibraryPath, soname, class, machine); ok {
		return l, true
	}
	return h.installed(soname, class, machine)
}

// installed looks into the cache, then into the directories.
func (h *Host) installed(soname string, class elf.Class, machine elf.Machine) (Library, bool) {
	for _, forAll := range []bool{true, false} {
		for _, e := range h.cache[soname] {
			if (e.hwcap == 0) != forAll || !e.isFor(class, machine) {
				continue
			}
			if l, err := h.Open(e.path); err == nil && l.Class == class && l.Machine == machine {
				return l, true
			}
		}
	}
	return h.in(h.dirs, soname, class, machine)
}

// in looks into directories. Files of the wrong kind are passed over.
func (h *Host) in(dirs []string, soname string, class elf.Class, machine elf.Machine) (Library, bool) {
	for _, dir := range dirs {
		if l, err := h.Open(filepath.Join(dir, soname)); err == nil && l.Class == class && l.Machine == machine {
			return l, true
		}
	}
	return Library{}, false
}

// Names are the names that begin with prefix, such as all of a driver's, for the
// given kind: those in the cache or, without one, the files in the directories.
func (h *Host) Names(prefix string, class elf.Class, machine elf.Machine) []string {
	var names []string
	if len(h.cache) == 0 {
		names = h.files(prefix)
	}
	for name, entries := range h.cache {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		for _, e := range entries {
			if e.isFor(class, machine) {
				names = append(names, name)
				break
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (h *Host) files(prefix string) (names []string) {
	for _, dir := range h.dirs {
		entries, err := os.ReadDir(filepath.Join(h.root, dir))
		if err != nil {
			continue
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), prefix) {
				names = append(names, e.Name())
			}
		}
	}
	return names
}
