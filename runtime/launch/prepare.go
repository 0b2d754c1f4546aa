package launch

import (
	"os"
	"slices"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/runtime/gpu"
	"github.com/jrun-hpc/jrun/runtime/inject"
	"github.com/jrun-hpc/jrun/runtime/mpi"
	"github.com/jrun-hpc/jrun/runtime/sandbox"
)

// prepared is what can be known without looking into the image. [Run] and [Explain]
// both begin with it, and every process of a job does: it says in which sandbox it
// belongs.
type prepared struct {
	home, cwd string
	dir       string // in which the command starts, inside

	shown    []sandbox.Bind // of the host, by default and asked for
	programs programs
	mpi      mpi.Plan

	// binds are all of these, and what the launcher of ranks needs, in the order of
	// mounting.
	binds []sandbox.Bind
}

// prepare finds it out, and understands the options on its way. imagesOwn says that
// the command is the image's.
func (o *Options) prepare(imagesOwn bool) (p prepared, err error) {
	if p.cwd, err = os.Getwd(); err != nil {
		return p, fault.New("cannot find the current directory", err, "change to a directory that exists ('cd') and try again")
	}
	p.home = home()
	if p.dir, err = o.directory(p.home, p.cwd, imagesOwn); err != nil {
		return p, err
	}
	if o.set, err = o.Environment(); err != nil {
		return p, err
	}
	if o.selection, err = gpu.ParseSelection(o.GPU); err != nil {
		return p, err
	}
	if p.shown, err = o.binds(p.home, p.cwd); err != nil {
		return p, err
	}
	if p.programs, err = o.bringPrograms(); err != nil {
		return p, err
	}
	p.binds = slices.Concat(p.shown, p.programs.binds)
	if p.mpi, err = o.mpiPlan(p.binds); err != nil {
		return p, err
	}
	_ = p.mount(p.mpi.Items) // what has no place, the user has covered
	return p, nil
}

// mount adds the items that are files or directories, as far as there is a place for
// them; see itemBinds for the error.
func (p *prepared) mount(items []inject.Item) (unplaced error) {
	binds, unplaced := itemBinds(items, p.binds)
	p.binds = slices.Concat(p.binds, binds)
	return unplaced
}

// mounts reports whether an item is inside, now that all are mounted: another bind may
// have its place.
func (p *prepared) mounts(item inject.Item) bool {
	if item.Kind != inject.File && item.Kind != inject.Directory {
		return true
	}
	b := itemBind(item)
	return slices.ContainsFunc(p.binds, func(o sandbox.Bind) bool { return o == b })
}
