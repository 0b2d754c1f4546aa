package launch

import (
	"cmp"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/runtime/identity"
	"github.com/jrun-hpc/jrun/runtime/inject"
	"github.com/jrun-hpc/jrun/runtime/mpi"
	"github.com/jrun-hpc/jrun/runtime/sandbox"
)

// mpiPlan is what every rank finds out about its launcher; binds are what is shown
// anyway.
func (o *Options) mpiPlan(binds []sandbox.Bind) (mpi.Plan, error) {
	mode, err := mpi.ParseMode(o.MPI)
	if err != nil {
		return mpi.Plan{}, err
	}
	return mpi.Launch(mpi.Ask{
		Mode: mode, Root: "/", Env: os.Environ(), Hosts: o.MPIHosts,
		Shown: func(dir string) bool { return covered(binds, dir) },
	}), nil
}

// itemBinds are the items that are mounted, after those before. Where the user shows
// something else the item is left out; one for which there is no place is left out,
// too, and is the error, for those who cannot do without.
func itemBinds(items []inject.Item, before []sandbox.Bind) (list []sandbox.Bind, unplaced error) {
	for _, item := range items {
		if item.Kind != inject.File && item.Kind != inject.Directory {
			continue
		}
		b := itemBind(item)
		if slices.ContainsFunc(before, func(o sandbox.Bind) bool { return o.Destination == b.Destination }) {
			continue
		}
		if err := checkMountPoint(before, b); err != nil {
			unplaced = cmp.Or(unplaced, err)
			continue
		}
		list = append(list, b)
	}
	sortByDepth(list)
	return list, unplaced
}

func itemBind(item inject.Item) sandbox.Bind {
	return sandbox.Bind{Source: item.Host, Destination: path.Clean(item.Inside), ReadOnly: !item.Writable, Dir: item.Kind == inject.Directory}
}

// itemDevices are the items that are devices.
func itemDevices(items []inject.Item) []sandbox.Device {
	var list []sandbox.Device
	for _, item := range items {
		if item.Kind == inject.Device {
			list = append(list, sandbox.Device{Source: item.Host, Name: strings.TrimPrefix(item.Inside, "/dev/")})
		}
	}
	return list
}

// variables are the items that every rank needs to know of.
func variables(items []inject.Item) []inject.Item {
	return slices.DeleteFunc(slices.Clone(items), func(i inject.Item) bool { return !i.IsVariable() })
}

// fromHost is what the image makes necessary, beside what the launcher does. It
// explains the whole.
func (o *Options) fromHost(plan *mpi.Plan, files fs.FS) ([]inject.Item, error) {
	items, err := o.swapMPI(plan, files)
	if err == nil && o.Explain != nil {
		o.Explain(strings.TrimRight(plan.String(), "\n"))
	}
	return items, err
}

// swapMPI completes the plan, and returns what that adds to its items.
func (o *Options) swapMPI(plan *mpi.Plan, files fs.FS) ([]inject.Item, error) {
	if !plan.NeedsImage() {
		return nil, nil
	}
	before := len(plan.Items)
	err := plan.Look(files, slices.Concat(o.Config.Env, o.set))
	return plan.Items[before:], err
}

// repeat says how the environment inside of other processes follows from their own, or
// is nil where that cannot be said: a list that the host passes on, and that gets an
// item, is each process's own.
func repeat(env identity.Environment, n note, set []string, items []inject.Item) *sandbox.Repeat {
	r := &sandbox.Repeat{Drop: identity.HostOnly(), Keep: identity.Kept(), Clean: env.Clean}
	constants := env.Constants(n.Person, n.About)
	for _, item := range items {
		passed := func(pair string) bool { return strings.HasPrefix(pair, item.Inside+"=") }
		switch {
		case item.Kind == inject.Unset:
			r.Drop = append(r.Drop, item.Inside)
		case item.Kind != inject.Variable && slices.ContainsFunc(env.Host, passed) && !slices.ContainsFunc(constants, passed) && !identity.IsHostOnly(item.Inside):
			return nil
		}
	}
	r.Constants = inject.Environment(constants, set, items)
	return r
}
