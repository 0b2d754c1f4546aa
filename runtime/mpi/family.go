package mpi

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/jrun-hpc/jrun/runtime/hostlib"
)

// library is an MPI library of one of the families.
type library struct {
	hostlib.Library
	mode   Mode   // the family
	major  int    // of DT_SONAME
	number []int  // what follows the major number in the file's name; nil if nothing does
	rule   string // why it was looked at
}

// cores are the names of the libraries that have MPI's functions for C.
var cores = []string{"libmpi.so.", "libmpich.so.", "libmpi_abi.so."}

// siblings are the families' libraries beside it, in their names so far as they
// matter; each group is one library under different names (Debian's MPICH differs).
var siblings = map[Mode][][]string{
	MPICH:   {{"libmpifort.so.12", "libmpichfort.so.12"}, {"libmpicxx.so.12", "libmpichcxx.so.12"}},
	OpenMPI: {{"libmpi_mpifh.so.40"}, {"libmpi_usempif08.so.40"}, {"libmpi_usempi_ignore_tkr.so.40"}, {"libmpi_cxx.so.40"}, {"liboshmem.so.40"}},
}

// identify finds out which family a library belongs to. Names alone do not tell: Open
// MPI 1.10 was a libmpi.so.12, too.
func identify(l hostlib.Library) (library, bool) {
	name := l.Soname
	i := slices.IndexFunc(cores, func(core string) bool { return strings.HasPrefix(name, core) })
	if i < 0 {
		return library{}, false
	}
	major, err := strconv.Atoi(strings.TrimPrefix(name, cores[i]))
	if err != nil {
		return library{}, false
	}
	found := library{Library: l, major: major}
	ompi := slices.ContainsFunc(l.Needed, func(n string) bool {
		return strings.HasPrefix(n, "libopen-pal.so.") || strings.HasPrefix(n, "libopen-rte.so.")
	})
	switch {
	case cores[i] == "libmpi_abi.so.":
		found.mode = ABI
	case ompi, cores[i] == "libmpi.so." && major >= 20:
		found.mode = OpenMPI
	case major == 12:
		found.mode = MPICH
	default:
		return library{}, false
	}
	return found, true
}

// numberIn is what follows a SONAME in the name of one of the files beside it, such as
// 30.4 in libmpi.so.40.30.4; the highest.
func numberIn(files []string, soname string) []int {
	var highest []int
	for _, file := range files {
		rest, ok := strings.CutPrefix(path.Base(file), soname+".")
		if !ok {
			continue
		}
		var number []int
		for part := range strings.SplitSeq(rest, ".") {
			n, err := strconv.Atoi(part)
			if err != nil || n < 0 {
				number = nil
				break
			}
			number = append(number, n)
		}
		if slices.Compare(number, highest) > 0 {
			highest = number
		}
	}
	return highest
}

// String names a library in explanations: its SONAME with the number of its file.
func (l library) String() string { return numbered(l.Soname, l.number) }

func numbered(soname string, number []int) string {
	for _, n := range number {
		soname += "." + strconv.Itoa(n)
	}
	return soname
}
