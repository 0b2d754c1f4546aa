package hostlib

import (
	"debug/elf"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// imageDirs are the usual directories of libraries, all distributions together.
func imageDirs(files fs.FS) []string {
	dirs := []string{"lib64", "usr/lib64"}
	for _, parent := range []string{"lib", "usr/lib"} {
		dirs = append(dirs, parent)
		for _, machine := range []string{"x86_64", "aarch64", "powerpc64le", "riscv64", "i386"} {
			dirs = append(dirs, path.Join(parent, machine+"-linux-gnu"))
		}
	}
	return slices.DeleteFunc(append(dirs, "usr/local/lib"), func(dir string) bool {
		info, err := fs.Stat(files, dir)
		return err != nil || !info.IsDir()
	})
}

// Image finds libraries in an image. Its files may be hostile.
type Image struct {
	files fs.FS
	dirs  []string
}

// NewImage looks at an image.
func NewImage(files fs.FS) *Image { return &Image{files: files, dirs: imageDirs(files)} }

// Find returns the library that the image has under a name. What is damaged is not
// there.
func (i *Image) Find(soname string, class elf.Class, machine elf.Machine) (Library, bool) {
	for _, dir := range i.dirs {
		l, err := OpenIn(i.files, path.Join(dir, soname))
		if err == nil && l.Class == class && l.Machine == machine {
			return l, true
		}
	}
	return Library{}, false
}

// Spare parts a closure into what must be brought into the image and what it need
// not: compilers' libraries of which the image has all that the others require.
func (i *Image) Spare(closure []Library) (bring, spared []Library) {
	for _, l := range closure {
		if IsCompiler(l.Name()) {
			if own, ok := i.Find(l.Name(), l.Class, l.Machine); ok && satisfies(&own, closure) {
				spared = append(spared, l)
				continue
			}
		}
		bring = append(bring, l)
	}
	return bring, spared
}

// satisfies reports whether own has the versions that the libraries of closure
// require of it.
func satisfies(own *Library, closure []Library) bool {
	for _, l := range closure {
		for _, version := range l.Requires[own.Name()] {
			if !own.Has(version) {
				return false
			}
		}
	}
	return true
}

// ImageLibc finds out which C library the programs of an image use.
func ImageLibc(files fs.FS) (Libc, error) {
	i := NewImage(files)
	for _, dir := range i.dirs {
		l, err := OpenIn(files, path.Join(dir, "libc.so.6"))
		if err == nil {
			return i.glibc(l), nil
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errCorrupt) && !errors.Is(err, ErrNotELF) {
			return Libc{}, err // the image cannot be read
		}
	}
	loaders, err := fs.Glob(files, "lib/ld-musl-*.so.1")
	if err != nil {
		return Libc{}, err
	}
	for _, name := range loaders {
		if l, err := OpenIn(files, name); err == nil {
			return Libc{Kind: Musl, Path: "/" + name, Class: l.Class, Machine: l.Machine}, nil
		}
	}
	return Libc{}, nil
}

// glibc is the C library around libc.so.6: its other parts have versions of their own.
func (i *Image) glibc(l Library) Libc {
	c := Libc{Kind: Glibc, Path: "/" + l.Path, Class: l.Class, Machine: l.Machine, defines: map[string][]string{"libc.so.6": l.Defines}}
	for _, version := range l.Defines {
		if number, ok := strings.CutPrefix(version, "GLIBC_"); ok && Newer(number, c.Version) {
			c.Version = number
		}
	}
	// The loader may be elsewhere: programs name it as /lib64/ld-linux-x86-64.so.2,
	// wherever the rest is.
	for _, dir := range []string{path.Dir(l.Path), "lib64", "lib"} {
		i.addParts(&c, dir)
	}
	return c
}

// addParts adds what a directory has of the C library c, but for what is known already.
func (i *Image) addParts(c *Libc, dir string) {
	entries, err := fs.ReadDir(i.files, dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		name := e.Name()
		if _, known := c.defines[name]; known || !IsLibc(name) || !strings.Contains(name, ".so.") {
			continue
		}
		part, err := OpenIn(i.files, path.Join(dir, name))
		if err == nil && part.Class == c.Class && part.Machine == c.Machine {
			c.defines[name] = part.Defines
		}
	}
}
