package mpi

import (
	"fmt"
	"strings"

	"github.com/jrun-hpc/jrun/runtime/hostlib"
	"github.com/jrun-hpc/jrun/runtime/inject"
)

// fabrics are the libraries through which MPIs use networks. Each promises that a
// newer one serves programs made for an older one: by its functions, and by symbol
// versions if it has any. (Private versions are for its own drivers.)
var fabrics = []struct{ soname, functions, versions string }{
	{"libfabric.so.1", "fi_", "FABRIC_"},
	{"libucp.so.0", "ucp_", ""},
	{"libibverbs.so.1", "ibv_", "IBVERBS_1."},
}

// takeFabric puts the host's network libraries in the place of those that the image
// has.
func (s *swap) takeFabric(p *Plan) ([]inject.Item, error) {
	var roots []hostlib.Library
	var taken, left []string
	as := map[string][]string{}
	for _, f := range fabrics {
		own, _, ok := s.image.find(f.soname, s.image.libc.Class, s.image.libc.Machine)
		if !ok {
			continue
		}
		theirs, ok := s.host.Find(f.soname, own.Class, own.Machine)
		if !ok {
			left = append(left, fmt.Sprintf("the host has no %s", f.soname))
			continue
		}
		lacked, err := s.lackedByFabric(own, theirs, f.functions, f.versions)
		if err != nil {
			return nil, err
		}
		if lacked != "" {
			left = append(left, fmt.Sprintf("the host's %s is older than the image's: it lacks %s", f.soname, lacked))
			continue
		}
		roots = append(roots, theirs)
		as[f.soname] = []string{}
		taken = append(taken, f.soname)
		p.say("the host's %s has all that the image's has", f.soname)
	}
	if len(roots) == 0 && len(left) == 0 {
		return nil, refuse(ownMPI, "the image has neither libfabric nor UCX nor libibverbs as a shared library, so there is nothing to take the place of")
	}
	if len(roots) == 0 {
		return nil, refuse(ownMPI, "%s", strings.Join(left, "; "))
	}
	c, err := s.close(roots)
	if err != nil {
		return nil, err
	}
	p.Because = append(append(p.Because, left...), c.notes...)
	p.Verdict = fmt.Sprintf("the image's own MPI runs, with the host's %s", strings.Join(taken, ", "))
	items := c.items(as, Fabric)
	for _, l := range c.bring {
		items = append(items, s.data(l)...)
	}
	return items, nil
}

// lackedByFabric names what the host's library lacks of the image's.
func (s *swap) lackedByFabric(own, theirs hostlib.Library, prefix, versions string) (string, error) {
	for _, version := range own.Defines {
		if versions != "" && strings.HasPrefix(version, versions) && !theirs.Has(version) {
			return version, nil
		}
	}
	wanted, err := s.image.functions(own, prefix)
	if err != nil {
		return "", fmt.Errorf("reading the functions of the image's %s: %w", own.Path, err)
	}
	have, err := s.hostFunctions(theirs, prefix)
	if err != nil {
		return "", fmt.Errorf("reading the functions of %s: %w", theirs.Path, err)
	}
	return lackedBy(have, wanted), nil
}
