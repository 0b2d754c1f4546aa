package mpi

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/runtime/hostlib"
	"github.com/jrun-hpc/jrun/runtime/inject"
)

// ours are libraries that know each other's inner parts, so that they all are the
// host's if one is: those of the MPIs, of PMI, and of the networks.
var ours = []string{
	"libmpi", "libopen-", "libmca_", "liboshmem.so", "libprrte.so", "libpmix.so", "libpmi.so", "libpmi2.so", "libpals.so",
	"libuc", "libfabric.so", "libibverbs.so", "librdmacm.so", "libmlx", "libefa.so", "libcxi.so", "libpsm", "libopx.so", "libhcoll.so", "libsharp",
}

// closure is what has to be shown of the host.
type closure struct {
	bring   []hostlib.Library
	plugins []plugins
	notes   []string
	by      map[string]need // what was looked at
}

// need is why a library is the host's: what asks for it, nothing for a root, and the
// rule by which it is not the image's.
type need struct{ by, rule string }

// close follows what the roots need, their plug-ins included. What the image has as
// good a version of stays the image's, with all that it needs in turn.
func (s *swap) close(roots []hostlib.Library) (*closure, error) {
	c := &closure{by: map[string]need{}}
	queue := slices.Clone(roots)
	for _, l := range queue {
		c.by[l.Name()] = need{}
	}
	for i := 0; i < len(queue); i++ { // it grows
		l := queue[i]
		if err := s.image.libc.Fits(l); err != nil {
			return nil, s.misfit(err)
		}
		c.bring = append(c.bring, l)
		needed, err := s.follow(c, l)
		if err != nil {
			return nil, err
		}
		queue = append(queue, needed...)
		p, ok := s.pluginsOf(l)
		if !ok {
			continue
		}
		var usable []hostlib.Library
		for _, plugin := range p.files {
			more, err := s.follow(c, plugin)
			if err == nil {
				err = s.image.libc.Fits(plugin)
			}
			if err != nil {
				c.notes = append(c.notes, fmt.Sprintf("%s will not be of use: %v", plugin.Path, err))
				continue
			}
			usable = append(usable, plugin)
			queue = append(queue, more...)
		}
		p.files = usable
		c.plugins = append(c.plugins, p)
	}
	return c, nil
}

// follow returns what a library needs and that has to be the host's, and was not
// looked at yet.
func (s *swap) follow(c *closure, l hostlib.Library) ([]hostlib.Library, error) {
	all, missing, err := s.host.Closure(l)
	if err != nil {
		return nil, err
	}
	for _, name := range missing {
		if slices.Contains(l.Needed, name) {
			return nil, refuse(fault.Say("ask the administrator: ldd %s", l.Path).Then(ownMPI), "%s needs %s, which the host does not have", l.Path, name)
		}
	}
	var more []hostlib.Library
	for _, name := range l.Needed {
		i := slices.IndexFunc(all, func(have hostlib.Library) bool { return have.Name() == name })
		if _, looked := c.by[name]; looked || i < 0 {
			continue // or of the C library
		}
		keep, rule := s.keeps(all[i], l)
		c.by[name] = need{l.Name(), rule}
		if keep {
			c.notes = append(c.notes, fmt.Sprintf("the image's %s is used: %s", name, rule))
		} else {
			more = append(more, all[i])
		}
	}
	return more, nil
}

// keeps decides whose library is used where user needs one of the host that the image
// may have, too; and by which rule.
func (s *swap) keeps(theirs, user hostlib.Library) (keep bool, rule string) {
	name := theirs.Name()
	if slices.ContainsFunc(ours, func(o string) bool { return strings.HasPrefix(name, o) }) {
		return false, "parts of MPI and of its networks must be of one build"
	}
	own, number, ok := s.image.find(name, theirs.Class, theirs.Machine)
	if !ok {
		return false, "the image has none"
	}
	for _, version := range user.Requires[name] {
		if !own.Has(version) {
			return false, "the image's has no " + version
		}
	}
	if hostlib.IsCompiler(name) {
		return true, "it has all symbol versions that are needed"
	}
	if slices.Compare(number, numberIn([]string{theirs.Path}, name)) < 0 {
		return false, "the image's is older"
	}
	return true, "it is no older than the host's"
}

// misfit makes a refusal of what hostlib says.
func (s *swap) misfit(err error) error {
	var m *hostlib.MisfitError
	if !errors.As(err, &m) {
		return err
	}
	next := fault.Say("build the image on a newer base, whose C library has %s", m.Wanted).Then(ownMPI)
	if !strings.HasPrefix(m.Wanted, "GLIBC_") {
		next = ownMPI
	}
	return refuse(next, "%v", err)
}

// items show the closure. as says under which further names a library is asked for.
func (c *closure) items(as map[string][]string, asked Mode) []inject.Item {
	var items []inject.Item
	decided := "--mpi=" + string(asked)
	for _, l := range c.bring {
		for _, name := range append([]string{l.Name()}, as[l.Name()]...) {
			why, rule := "in place of the image's", decided
			switch {
			case name != l.Name():
				why = "the same library, as the image's programs call it"
			case c.by[name].by != "":
				why, rule = "needed by "+c.by[name].by, c.by[name].rule
			}
			items = append(items, inject.Item{Kind: inject.File, Host: l.Path, Inside: path.Join(LibDir, name), Why: why, Rule: rule})
		}
	}
	for _, p := range c.plugins {
		items = append(items, p.items()...)
	}
	return append(items, inject.Item{
		Kind: inject.First, Inside: "LD_LIBRARY_PATH", Value: LibDir, Why: "the host's libraries are found before the image's", Rule: decided,
	})
}

// bringMPI is everything that theirs needs inside.
func (s *swap) bringMPI(own []library, theirs library) ([]inject.Item, []string, error) {
	roots := []hostlib.Library{theirs.Library}
	as := map[string][]string{theirs.Soname: {}}
	for _, o := range own {
		if o.Soname != theirs.Soname && !slices.Contains(as[theirs.Soname], o.Soname) {
			as[theirs.Soname] = append(as[theirs.Soname], o.Soname)
		}
	}
	var notes []string
	for _, group := range siblings[theirs.mode] {
		wanted := slices.DeleteFunc(slices.Clone(group), func(name string) bool { return !s.image.has(name) })
		if len(wanted) == 0 {
			continue
		}
		found, ok := s.beside(theirs, group)
		if !ok {
			notes = append(notes, fmt.Sprintf("the host has no %s, so programs that need it use the image's", wanted[0]))
			continue
		}
		roots = append(roots, found)
		as[found.Name()] = slices.DeleteFunc(wanted, func(name string) bool { return name == found.Name() })
	}
	c, err := s.close(roots)
	if err != nil {
		return nil, nil, err
	}
	items := c.items(as, theirs.mode)
	for _, l := range c.bring {
		items = append(items, s.data(l)...)
	}
	return items, append(notes, c.notes...), nil
}

// beside finds one of names in the directory of the host's MPI.
func (s *swap) beside(theirs library, names []string) (hostlib.Library, bool) {
	for _, name := range names {
		if l, err := s.host.Open(path.Join(path.Dir(theirs.Path), name)); err == nil && l.Class == theirs.Class && l.Machine == theirs.Machine {
			return l, true
		}
	}
	return hostlib.Library{}, false
}
