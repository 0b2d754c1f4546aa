package mpi

import (
	"debug/elf"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/runtime/hostlib"
)

// imageView is what is asked of an image.
type imageView struct {
	files fs.FS
	dirs  []string // in which its loader looks, and those where MPI likes to be
	libc  hostlib.Libc
	mpis  []library

	configs int // files of ld.so.conf that were read
}

// maxConfigs is far more than an image has; files may include each other many times.
const maxConfigs = 200

// usualPlaces are where distributions, vendors and people put an MPI in an image.
var usualPlaces = []string{
	"usr/lib64", "usr/lib", "usr/lib/*-linux-gnu", "lib64", "lib", "lib/*-linux-gnu", "usr/local/lib", "usr/local/lib64",
	"usr/lib/*-linux-gnu/openmpi/lib", "usr/lib64/openmpi/lib", "usr/lib64/mpich/lib", "usr/lib64/mpi/gcc/*/lib64",
	"usr/local/*/lib", "opt/*/lib", "opt/*/lib64", "opt/*/*/lib", "opt/*/*/lib64", "opt/conda/envs/*/lib",
	"opt/intel/oneapi/mpi/*/lib", "opt/intel/oneapi/mpi/*/lib/release",
}

func newImageView(files fs.FS, env []string) (*imageView, error) {
	libc, err := hostlib.ImageLibc(files)
	if err != nil {
		return nil, fmt.Errorf("looking at the image's C library: %w", err)
	}
	v := &imageView{files: files, libc: libc}
	for _, pair := range env {
		if list, ok := strings.CutPrefix(pair, "LD_LIBRARY_PATH="); ok {
			v.addDirs(strings.Split(list, ":")...)
		}
	}
	v.addDirs(v.configured("etc/ld.so.conf", 0)...)
	for _, pattern := range usualPlaces {
		dirs, err := fs.Glob(files, pattern)
		if err != nil {
			return nil, fmt.Errorf("looking for MPI in the image: %w", err)
		}
		v.addDirs(dirs...)
	}
	for _, dir := range v.dirs {
		v.findMPI(dir)
	}
	return v, nil
}

func (v *imageView) addDirs(dirs ...string) {
	for _, dir := range dirs {
		dir = strings.TrimPrefix(path.Clean("/"+dir), "/")
		if dir == "" || slices.Contains(v.dirs, dir) {
			continue
		}
		if info, err := fs.Stat(v.files, dir); err == nil && info.IsDir() {
			v.dirs = append(v.dirs, dir)
		}
	}
}

// configured reads the image's ld.so.conf: its cache says the same, and is missing
// where ldconfig(8) was not run.
func (v *imageView) configured(name string, depth int) []string {
	const most = 64 << 10
	if v.configs++; v.configs > maxConfigs || depth > 5 {
		return nil
	}
	f, err := v.files.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return nil // and then MPI is looked for in the usual places
	}
	var dirs []string
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
		case fields[0] == "include" && len(fields) > 1:
			pattern := fields[1]
			if !path.IsAbs(pattern) {
				pattern = path.Join("/"+path.Dir(name), pattern)
			}
			files, _ := fs.Glob(v.files, strings.TrimPrefix(path.Clean(pattern), "/")) // a malformed pattern includes nothing
			for _, file := range files[:min(len(files), maxConfigs)] {
				dirs = append(dirs, v.configured(file, depth+1)...)
			}
		case path.IsAbs(fields[0]):
			dirs = append(dirs, fields[0])
		}
	}
	return dirs
}

// findMPI adds the MPI libraries of a directory. Damaged files are not there.
func (v *imageView) findMPI(dir string) {
	names := v.names(dir)
	for _, name := range names {
		if !slices.ContainsFunc(cores, func(core string) bool { return strings.HasPrefix(name, core) }) {
			continue
		}
		l, err := hostlib.OpenIn(v.files, path.Join(dir, name))
		if err != nil {
			continue
		}
		found, ok := identify(l)
		if !ok {
			continue
		}
		found.number = numberIn(names, l.Soname)
		// The file has several names, and /lib may be /usr/lib.
		same := func(m library) bool {
			return m.Soname == l.Soname && slices.Equal(m.number, found.number) &&
				strings.TrimPrefix(path.Dir(m.Path), "usr/") == strings.TrimPrefix(dir, "usr/")
		}
		if slices.ContainsFunc(v.mpis, same) {
			continue
		}
		v.mpis = append(v.mpis, found)
	}
}

// names lists a directory; nothing if it cannot be read.
func (v *imageView) names(dir string) []string {
	entries, err := fs.ReadDir(v.files, dir)
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// find returns the library that the image has under a name, and its number.
func (v *imageView) find(soname string, class elf.Class, machine elf.Machine) (l hostlib.Library, number []int, ok bool) {
	for _, dir := range v.dirs {
		l, err := hostlib.OpenIn(v.files, path.Join(dir, soname))
		if err == nil && l.Class == class && l.Machine == machine {
			return l, numberIn(v.names(dir), soname), true
		}
	}
	return hostlib.Library{}, nil, false
}

// has reports whether the image has a library.
func (v *imageView) has(soname string) bool {
	_, _, ok := v.find(soname, v.libc.Class, v.libc.Machine)
	return ok
}

// lacks names the library that the image would need for a network; empty if it
// lacks none.
func (v *imageView) lacks(n network) string {
	for _, group := range n.needs {
		if !slices.ContainsFunc(group, v.has) {
			return strings.Join(group, " or ")
		}
	}
	return ""
}

// families are those of which the image has a library.
func (v *imageView) families() []Mode {
	var modes []Mode
	for _, m := range v.mpis {
		if !slices.Contains(modes, m.mode) {
			modes = append(modes, m.mode)
		}
	}
	return modes
}

// of are the image's libraries of one family.
func (v *imageView) of(mode Mode) []library {
	return slices.DeleteFunc(slices.Clone(v.mpis), func(m library) bool { return m.mode != mode })
}

// functions are those of a library of the image.
func (v *imageView) functions(l hostlib.Library, prefixes ...string) (map[string]bool, error) {
	f, err := v.files.Open(l.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, ok := f.(io.ReaderAt)
	if !ok {
		return nil, fmt.Errorf("reading %s: the file system cannot read at an offset", l.Path)
	}
	return functions(r, prefixes...)
}
