package mpi

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/runtime/hostlib"
	"github.com/jrun-hpc/jrun/runtime/inject"
)

// swap is an image and a host whose libraries are to be compared.
type swap struct {
	ask   *Ask
	image *imageView
	host  *hostlib.Host
}

// refusal says why a pair does not fit, and what to do.
type refusal struct{ why, next fault.Text }

func (r *refusal) Error() string { return r.why.String() }

func refuse(next fault.Text, format string, args ...any) error {
	return &refusal{why: fault.Say(format, args...), next: next}
}

var ownMPI = fault.Say("run the image's own MPI: --mpi=pmi")

func newSwap(a *Ask, files fs.FS, imageEnv []string) (*swap, error) {
	image, err := newImageView(files, imageEnv)
	if err != nil {
		return nil, err
	}
	host, err := hostlib.NewHost(a.Root)
	if err != nil {
		return nil, err
	}
	host.LibraryPath = a.ldPath()
	return &swap{ask: a, image: image, host: host}, nil
}

// take returns what is to be shown so that the host's libraries take the place of the
// image's, and says so in p. The error is a *refusal, or that something cannot be read.
func (s *swap) take(mode Mode, p *Plan) ([]inject.Item, error) {
	if mode == Fabric {
		return s.takeFabric(p)
	}
	own := s.image.of(mode)
	if len(own) == 0 {
		return nil, s.refuseFamily()
	}
	list := s.hostMPIs(mode)
	if len(list) == 0 {
		return nil, refuse(fault.Say("load the host's module first ('module load …'), or say where it is: export MPI_HOME=DIR").Then(ownMPI),
			"the host has no %s (looked in MPI_HOME, LD_LIBRARY_PATH, beside mpirun in PATH, in [mpi] host of jrun.toml, and where ld.so looks)", mode.words())
	}
	var first error
	for _, theirs := range list {
		err := s.sameABI(own, theirs)
		var items []inject.Item
		var notes []string
		if err == nil {
			items, notes, err = s.bringMPI(own, theirs)
		}
		if err == nil {
			p.say("the image has %s (%s)", own[0], "/"+own[0].Path)
			p.say("the host has %s (%s, %s): no older, all MPI functions are there, and its needs are met by %s", theirs, theirs.Path, theirs.rule, s.image.libc)
			p.Because = append(p.Because, notes...)
			p.Verdict = fmt.Sprintf("the host's %s takes the place of the image's %s", theirs, own[0])
			if root := s.ask.variable("I_MPI_ROOT"); root != "" && strings.HasPrefix(theirs.Path, path.Clean(root)+"/") {
				items = append(items,
					inject.Item{Kind: inject.Directory, Host: path.Clean(root), Inside: path.Clean(root), Why: "Intel MPI's files of tuning and its libfabric", Rule: "$I_MPI_ROOT"},
					inject.Item{Kind: inject.Variable, Inside: "I_MPI_ROOT", Value: root, Why: "where they are inside", Rule: "they are the host's"})
			}
			return items, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// refuseFamily is for an image without an MPI of the family.
func (s *swap) refuseFamily() error {
	if len(s.image.mpis) == 0 {
		return refuse(fault.Say("build the program with a shared MPI library, or run it as it is: --mpi=pmi"),
			"the image has no MPI library that could be swapped: it has no MPI, or it is linked statically")
	}
	var has []string
	next := ownMPI
	for _, m := range s.image.mpis {
		has = append(has, fmt.Sprintf("%s (/%s)", m, m.Path))
		next = fault.Say("take the host's library of the same family: --mpi=%s", m.mode).Then(ownMPI)
	}
	return refuse(next, "the image has no MPI of that family, but %s; families cannot replace each other", strings.Join(has, " and "))
}

// sameABI compares numbers and functions. own are the image's libraries of the family.
func (s *swap) sameABI(own []library, theirs library) error {
	functions, err := s.hostFunctions(theirs.Library, "MPI_")
	if err != nil {
		return fmt.Errorf("reading the functions of %s: %w", theirs.Path, err)
	}
	for _, ours := range own {
		switch {
		case ours.Class != theirs.Class || ours.Machine != theirs.Machine:
			return refuse(fault.Say("use an image for this machine"), "%s is for %v, the image's for %v", theirs.Path, theirs.Machine, ours.Machine)
		case ours.major != theirs.major:
			return refuse(fault.Say("load another version on the host ('module avail'), or rebuild the image with the host's").Then(ownMPI),
				"the image has %s and the host %s: their ABI differs by the major number", ours, theirs)
		case theirs.mode == OpenMPI && slices.Compare(theirs.number, ours.number) < 0:
			return refuse(fault.Say("load a newer one on the host ('module avail'), or rebuild the image with an older one").Then(ownMPI),
				"the host's is older: the image has %s and the host %s (%s)", ours, theirs, theirs.Path)
		}
		wanted, err := s.image.functions(ours.Library, "MPI_")
		if err != nil {
			return fmt.Errorf("reading the functions of the image's %s: %w", ours.Path, err)
		}
		if lacked := lackedBy(functions, wanted); lacked != "" {
			return refuse(fault.Say("load a newer one on the host ('module avail')").Then(ownMPI), "the host's %s (%s) lacks functions of the image's %s: %s", theirs, theirs.Path, ours, lacked)
		}
	}
	return nil
}
