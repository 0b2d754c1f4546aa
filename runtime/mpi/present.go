package mpi

import (
	"io/fs"
	"slices"
)

// Present is an MPI library that an image has, as those see it who judge images
// before there is a host.
type Present struct {
	Family Mode   // MPICH, OpenMPI or ABI
	Path   string // inside, absolute
	Soname string
	Major  int   // of the SONAME: two libraries of different ones cannot replace each other
	Number []int // what follows it in the file's name; nil if nothing does
}

// String names it: its SONAME with the number of its file.
func (p Present) String() string { return numbered(p.Soname, p.Number) }

// InImage lists the MPI libraries of an image with this ENV. [Plan.Look] compares the
// same ones with the host's.
func InImage(files fs.FS, env []string) ([]Present, error) {
	view, err := newImageView(files, env)
	if err != nil {
		return nil, err
	}
	list := make([]Present, 0, len(view.mpis))
	for _, m := range view.mpis {
		list = append(list, Present{Family: m.mode, Path: "/" + m.Path, Soname: m.Soname, Major: m.major, Number: slices.Clone(m.number)})
	}
	return list, nil
}
