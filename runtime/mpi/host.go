package mpi

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/runtime/hostlib"
)

// hostVariables say where the host's MPI is: modules set them.
var hostVariables = []string{"MPI_HOME", "MPI_ROOT", "OPAL_PREFIX", "I_MPI_ROOT", "CRAY_MPICH_DIR", "MPICH_DIR", "LD_LIBRARY_PATH", "PATH"}

// ldPath are the directories of the caller's LD_LIBRARY_PATH.
func (a *Ask) ldPath() []string {
	return slices.DeleteFunc(strings.Split(a.variable("LD_LIBRARY_PATH"), ":"), func(dir string) bool { return !path.IsAbs(dir) })
}

// searched are directories of the host and why they are looked into.
type searched struct{ dir, rule string }

// hostDirs are where the host's MPI can be, the most telling first.
func (a *Ask) hostDirs() []searched {
	var list []searched
	prefix := func(dir, rule string) { list = append(list, librariesOf(dir, rule)...) }
	for _, name := range hostVariables {
		if name == "LD_LIBRARY_PATH" || name == "PATH" {
			continue
		}
		if dir := a.variable(name); path.IsAbs(dir) {
			prefix(dir, "$"+name)
		}
	}
	for _, dir := range a.ldPath() {
		list = append(list, searched{dir, "$LD_LIBRARY_PATH"})
	}
	for _, dir := range strings.Split(a.variable("PATH"), ":") {
		if !path.IsAbs(dir) {
			continue
		}
		for _, program := range []string{"mpirun", "mpiexec"} {
			file := filepath.Join(a.Root, dir, program)
			target, err := filepath.EvalSymlinks(file)
			if err != nil {
				continue
			}
			prefix(path.Dir(dir), program+" in $PATH")
			if moved := path.Dir(path.Dir(a.unrooted(target))); moved != path.Dir(dir) {
				prefix(moved, program+" in $PATH")
			}
		}
	}
	for _, dir := range a.Hosts {
		list = append(list, siteDirs(dir)...)
	}
	return list
}

// librariesOf are the directories of libraries of an MPI that is below dir.
func librariesOf(dir, rule string) []searched {
	var list []searched
	for _, below := range []string{"lib", "lib64", "lib/release", "lib-abi-mpich"} {
		list = append(list, searched{path.Join(dir, below), rule})
	}
	return list
}

// unrooted is a path below Root as it is called on that system.
func (a *Ask) unrooted(name string) string {
	if a.Root == "/" {
		return name
	}
	return "/" + strings.TrimPrefix(strings.TrimPrefix(name, a.Root), "/")
}

// wellKnown are where vendors and distributions put MPI beside the loader's
// directories.
var wellKnown = []string{
	"/usr/lib64/openmpi/lib", "/usr/lib64/mpich/lib", "/usr/lib/*-linux-gnu", "/usr/lib64/mpi/gcc/*/lib64", "/usr/mpi/gcc/*/lib64",
	"/opt/cray/pe/mpich/default/ofi/gnu/*/lib-abi-mpich", "/opt/intel/oneapi/mpi/latest/lib", "/opt/*/lib", "/usr/local/lib",
}

// hostMPIs are the host's libraries of a family, in the order in which they are tried.
func (s *swap) hostMPIs(mode Mode) []library {
	var list []library
	add := func(l hostlib.Library, rule string) {
		found, ok := identify(l)
		if !ok || found.mode != mode || slices.ContainsFunc(list, func(m library) bool { return m.Path == l.Path }) {
			return
		}
		found.number, found.rule = numberIn([]string{l.Path}, l.Soname), rule
		list = append(list, found)
	}
	look := func(dir, rule string) {
		for _, file := range s.ask.coresIn(dir) {
			if l, err := s.host.Open(file); err == nil {
				add(l, rule)
			}
		}
	}
	for _, d := range s.ask.hostDirs() {
		look(d.dir, d.rule)
	}
	for _, name := range []string{"libmpi.so.40", "libmpi.so.20", "libmpi.so.12", "libmpich.so.12", "libmpi_abi.so.0"} {
		if l, ok := s.host.Find(name, s.image.libc.Class, s.image.libc.Machine); ok {
			add(l, "ld.so finds it")
		}
	}
	for _, pattern := range wellKnown {
		dirs, _ := filepath.Glob(filepath.Join(s.ask.Root, pattern))
		for _, dir := range dirs {
			look(s.ask.unrooted(dir), "a usual place")
		}
	}
	return list
}

// hostFunctions are those of a library of the host.
func (s *swap) hostFunctions(l hostlib.Library, prefixes ...string) (map[string]bool, error) {
	f, err := os.Open(filepath.Join(s.ask.Root, l.Path))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return functions(f, prefixes...)
}
