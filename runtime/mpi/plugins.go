package mpi

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/runtime/hostlib"
	"github.com/jrun-hpc/jrun/runtime/inject"
)

// Places inside.
const (
	Dir    = "/run/jrun/mpi"
	LibDir = Dir + "/lib"
)

// pluggable is a library that opens others by name.
type pluggable struct {
	owner    string   // its SONAME begins so
	dirs     []string // where the others are, seen from its own directory
	pattern  string   // their names
	inside   string   // where they are shown; empty: where they are on the host
	variable string   // that tells the library so; empty if it looks there itself
	why      string
}

var pluggables = []pluggable{
	{"libopen-pal.so", []string{"openmpi", "openmpi3", "openmpi/lib/openmpi3", "openmpi/lib/openmpi"}, "mca_*.so", Dir + "/openmpi", "OMPI_MCA_mca_base_component_path", "components of Open MPI"},
	{"libpmix.so", []string{"pmix", "pmix2/lib/pmix"}, "*mca_*.so", Dir + "/pmix", "PMIX_MCA_mca_base_component_path", "components of PMIx"},
	{"libucs.so", []string{"ucx"}, "libuc*.so*", LibDir + "/ucx", "UCX_MODULE_DIR", "UCX's modules, one for each network"},
	{"libfabric.so", []string{"libfabric"}, "lib*-fi.so", Dir + "/libfabric", "FI_PROVIDER_PATH", "libfabric's providers, one for each network"},
	{"libibverbs.so", []string{"libibverbs"}, "lib*-rdmav*.so", "", "", "libibverbs' drivers, one for each kind of adapter"},
}

// plugins are the files that a library of the host opens by name.
type plugins struct {
	pluggable
	dir   string // on the host
	files []hostlib.Library
}

// pluginsOf finds them; ok is false for a library without.
func (s *swap) pluginsOf(l hostlib.Library) (p plugins, ok bool) {
	i := slices.IndexFunc(pluggables, func(p pluggable) bool { return strings.HasPrefix(l.Name(), p.owner) })
	if i < 0 {
		return p, false
	}
	p.pluggable = pluggables[i]
	for _, below := range p.dirs {
		p.dir = path.Join(path.Dir(l.Path), below)
		files, _ := filepath.Glob(filepath.Join(s.ask.Root, p.dir, p.pattern)) // a directory with odd letters has none
		for _, file := range files {
			if plugin, err := s.host.Open(s.ask.unrooted(file)); err == nil {
				p.files = append(p.files, plugin)
			}
		}
		if len(p.files) > 0 {
			return p, true
		}
	}
	return p, false
}

// items show the plug-ins and say where they are.
func (p *plugins) items() []inject.Item {
	inside := p.inside
	if inside == "" {
		inside = p.dir
	}
	items := []inject.Item{{Kind: inject.Directory, Host: p.dir, Inside: inside, Why: p.why, Rule: "beside the host's " + p.owner}}
	if p.variable != "" {
		items = append(items, inject.Item{Kind: inject.Variable, Inside: p.variable, Value: inside, Why: "where they are inside", Rule: "they are the host's"})
	}
	return items
}

// dataFiles are what Open MPI and libibverbs read: messages, the site's settings, the
// list of drivers. They are looked for in the directories above the library's.
var dataFiles = []struct {
	owner    string
	file     string // below one of the directories
	inside   string // of its directory; empty: where it is on the host
	variable string
	why      string
}{
	{"libmpi.so", "share/openmpi/help-mpi-errors.txt", Dir + "/share/openmpi", "OPAL_PKGDATADIR", "the texts of Open MPI's messages"},
	{"libmpi.so", "etc/openmpi-mca-params.conf", Dir + "/etc", "OPAL_SYSCONFDIR", "the site's settings of Open MPI"},
	{"libmpi.so", "etc/openmpi/openmpi-mca-params.conf", Dir + "/etc", "OPAL_SYSCONFDIR", "the site's settings of Open MPI"},
	{"libibverbs.so", "etc/libibverbs.d/*.driver", "", "", "the list of libibverbs' drivers"},
}

// data are the items for them.
func (s *swap) data(l hostlib.Library) []inject.Item {
	var items []inject.Item
	for _, d := range dataFiles {
		known := slices.ContainsFunc(items, func(i inject.Item) bool { return i.Inside == d.inside })
		if known || !strings.HasPrefix(l.Name(), d.owner) {
			continue
		}
		for above := path.Dir(path.Dir(l.Path)); ; above = path.Dir(above) {
			if hasAny(filepath.Join(s.ask.Root, above, d.file)) {
				dir := path.Dir(path.Join(above, d.file))
				inside := d.inside
				if inside == "" {
					inside = dir
				}
				items = append(items, inject.Item{Kind: inject.Directory, Host: dir, Inside: inside, Why: d.why, Rule: "it belongs to " + l.Name()})
				if d.variable != "" {
					items = append(items, inject.Item{Kind: inject.Variable, Inside: d.variable, Value: inside, Why: "where they are inside", Rule: "they are the host's"})
				}
				break
			}
			if above == "/" {
				break
			}
		}
	}
	return items
}
