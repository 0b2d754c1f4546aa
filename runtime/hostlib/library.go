package hostlib

import (
	"debug/elf"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
)

// Library is a shared library, or a program, as the loader sees it.
type Library struct {
	Path   string // as it was opened; of a [Host] without its root and symbolic links
	Soname string // DT_SONAME; empty if it has none

	Class   elf.Class
	Machine elf.Machine

	Needed  []string // DT_NEEDED, in order
	Rpath   []string // directories of DT_RPATH as written, possibly with $ORIGIN
	Runpath []string // likewise of DT_RUNPATH

	// Requires are the symbol versions that must be there, by the library that
	// must have them: libc.so.6 has to have GLIBC_2.34. Weak ones are left out.
	Requires map[string][]string
	Defines  []string // the symbol versions that it has
}

// Name is the name by which others ask for the library.
func (l *Library) Name() string {
	if l.Soname != "" {
		return l.Soname
	}
	return path.Base(l.Path)
}

// Has reports whether the library defines a symbol version.
func (l *Library) Has(version string) bool { return slices.Contains(l.Defines, version) }

// Open reads a library of this machine. The error wraps [ErrNotELF] for other files.
func Open(name string) (Library, error) {
	f, err := os.Open(name)
	if err != nil {
		return Library{}, err
	}
	defer f.Close()
	return Read(f, name)
}

// OpenIn reads a library in a file system, such as an image. Symbolic links are
// followed as files does.
func OpenIn(files fs.FS, name string) (Library, error) {
	f, err := files.Open(name)
	if err != nil {
		return Library{}, err
	}
	defer f.Close()
	r, ok := f.(io.ReaderAt)
	if !ok {
		return Library{}, fmt.Errorf("reading %s: the file system cannot read at an offset", name)
	}
	return Read(r, name)
}

// Read reads a library from r. The name becomes its Path.
func Read(r io.ReaderAt, name string) (Library, error) {
	l := Library{Path: name}
	o, err := readObject(&pages{r: r})
	if err == nil {
		l.Class, l.Machine = o.class, o.machine
		err = o.describe(&l)
	}
	if err != nil {
		return Library{}, fmt.Errorf("reading %s: %w", name, err)
	}
	return l, nil
}
