package gpu

import (
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/runtime/hostlib"
	"github.com/jrun-hpc/jrun/runtime/inject"
)

// wanted is a library that is to be shown in LibraryDir, under all of its names.
type wanted struct {
	hostlib.Library
	names     []string
	why, rule string
}

// library asks for a library under a name, beside its own two.
func (p *planner) library(l hostlib.Library, name, why, rule string) {
	names := append([]string{l.Name(), path.Base(l.Path), name}, linkNames[l.Name()]...)
	at := slices.IndexFunc(p.libraries, func(w wanted) bool { return w.Path == l.Path })
	if at < 0 {
		p.libraries = append(p.libraries, wanted{Library: l, why: why, rule: rule})
		at = len(p.libraries) - 1
	}
	for _, n := range names {
		if !slices.Contains(p.libraries[at].names, n) {
			p.libraries[at].names = append(p.libraries[at].names, n)
		}
	}
}

// linkNames are those by which programs are linked, or look for a library themselves,
// as NVIDIA's tools make them.
var linkNames = map[string][]string{
	"libcuda.so.1":               {"libcuda.so"},
	"libnvidia-opticalflow.so.1": {"libnvidia-opticalflow.so"},
	"libGLX_nvidia.so.0":         {"libGLX_indirect.so.0"},
}

// placeLibraries shows the libraries that fit the image.
func (p *planner) placeLibraries() error {
	if len(p.libraries) == 0 && !slices.ContainsFunc(p.Items, isLibrary) {
		return nil
	}
	if err := p.fitLibraries(); err != nil {
		return err
	}
	for _, l := range p.libraries {
		for i, name := range l.names {
			item := inject.Item{Kind: inject.File, Host: l.Path, Inside: path.Join(LibraryDir, name), Why: l.why, Rule: l.rule}
			if i > 0 {
				item.Why = "another name of " + l.names[0]
			}
			p.add(item)
		}
	}
	if len(p.libraries) > 0 && !slices.Contains(p.search, LibraryDir) {
		p.search = append(p.search, LibraryDir)
	}
	return nil
}

// fitLibraries takes away what the image cannot load.
func (p *planner) fitLibraries() error {
	if p.image.Files == nil {
		p.judge(Noted, "libraries", "", "the image is not at hand, so it is not checked whether its C library suffices")
		return nil
	}
	libc, err := p.image.libc()
	if err != nil {
		return err
	}
	if libc.Kind != hostlib.Glibc && p.noneFits(libc) {
		return nil
	}
	image := hostlib.NewImage(p.image.Files)
	refused := map[string]string{} // by SONAME
	var fit []wanted
	for _, l := range p.libraries {
		if next, why := p.misfit(libc, l.Library); why != "" {
			p.judge(Refused, l.Name(), next, "%s", why)
			refused[l.Name()] = why
			continue
		}
		fit = append(fit, l)
	}
	// One that lost what it needs is of no use either.
	for lost := true; lost; {
		lost = false
		fit = slices.DeleteFunc(fit, func(l wanted) bool {
			at := slices.IndexFunc(l.Needed, func(name string) bool { return refused[name] != "" })
			if at < 0 || refused[l.Name()] != "" {
				return false
			}
			lost = true
			refused[l.Name()] = "it needs " + l.Needed[at]
			p.judge(Refused, l.Name(), "", "it needs %s, which is refused", l.Needed[at])
			return true
		})
	}
	p.libraries = fit
	p.Items = slices.DeleteFunc(p.Items, func(item inject.Item) bool { return isLibrary(item) && !p.fits(libc, item, refused) })
	for _, l := range fit {
		for _, name := range l.Needed {
			if _, has := image.Find(name, l.Class, l.Machine); !has && !hostlib.IsLibc(name) && !p.brings(name) {
				p.judge(Noted, l.Name(), "", "needs %s, which is not in the image's usual directories", name)
			}
		}
	}
	if len(fit) > 0 {
		p.judge(Granted, "libraries", "", "%d of the host's fit the image's %s", len(fit), libc)
	}
	return nil
}

// noneFits says once what would be said of every library: that there is no glibc. It
// reports whether that is so. Nobody is warned who has not asked for GPUs.
func (p *planner) noneFits(libc hostlib.Libc) bool {
	next := ""
	for _, l := range p.libraries {
		var why string
		if next, why = p.misfit(libc, l.Library); why == "" {
			return false
		}
	}
	if len(p.libraries) == 0 {
		return false
	}
	outcome := Refused
	if p.selection.auto() {
		outcome = Noted
	}
	p.judge(outcome, "libraries", next, "all %d of the host's need glibc, and the image has %s", len(p.libraries), libc)
	p.Items = slices.DeleteFunc(p.Items, isLibrary)
	p.libraries = nil
	return true
}

// isLibrary reports whether an item is a library that a specification wants to be in
// a place of its own, such as a module of Xorg.
func isLibrary(item inject.Item) bool {
	return item.Kind == inject.File && strings.Contains(path.Base(item.Host), ".so")
}

// fits decides over such a library.
func (p *planner) fits(libc hostlib.Libc, item inject.Item, refused map[string]string) bool {
	host, err := p.machine.Libraries()
	if err != nil {
		return true
	}
	l, err := host.Open(item.Host)
	if err != nil {
		return true // it is none
	}
	if refused[l.Name()] != "" {
		return false
	}
	next, why := p.misfit(libc, l)
	if why != "" {
		p.judge(Refused, item.Inside, next, "%s", why)
	}
	return why == ""
}

func (p *planner) brings(name string) bool {
	return slices.ContainsFunc(p.libraries, func(l wanted) bool { return slices.Contains(l.names, name) })
}

// misfit says why a library cannot be used, and what to do.
func (p *planner) misfit(libc hostlib.Libc, l hostlib.Library) (next, why string) {
	err := libc.Fits(l)
	if err == nil {
		return "", ""
	}
	next = "use an image whose C library is as new as the host's, or build it on a newer base"
	var misfit *hostlib.MisfitError
	if errors.As(err, &misfit) && strings.HasPrefix(misfit.Wanted, "GLIBC_2.") {
		next = "build the image on a base with glibc " + strings.TrimPrefix(misfit.Wanted, "GLIBC_") + " or newer"
	} else if libc.Kind == hostlib.Musl || libc.Kind == hostlib.NoLibc {
		next = "build the image on a base with glibc (Debian, Ubuntu, Rocky Linux), since the driver is made for it"
	}
	return next, err.Error()
}

// program shows a program of the driver, if the image can run it.
func (p *planner) program(name, why, rule string) {
	if !p.machine.exists(name) {
		return
	}
	host, err := p.machine.Libraries()
	if err != nil {
		return // the libraries will say it
	}
	l, err := host.Open(name)
	if err == nil && p.image.Files != nil { // else it is a script
		libc, err := p.image.libc()
		if err != nil {
			return // likewise
		}
		if next, reason := p.misfit(libc, l); reason != "" {
			p.judge(Noted, name, next, "not shown: %s", reason)
			return
		}
	}
	p.file(name, why, rule, false)
}
