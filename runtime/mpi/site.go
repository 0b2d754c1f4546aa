package mpi

import (
	"path"
	"path/filepath"
	"slices"

	"github.com/jrun-hpc/jrun/runtime/hostlib"
)

// SitePlace is a directory of [Ask.Hosts], looked at.
type SitePlace struct {
	Dir     string
	Found   []string // the MPI libraries in it, such as /opt/openmpi/4.1/lib/libmpi.so.40.30.4
	Missing bool     // the machine has no such directory
}

// SitePlaces looks at all directories, which Look does only where it needs a host's MPI.
func SitePlaces(root string, dirs []string) ([]SitePlace, error) {
	host, err := hostlib.NewHost(root)
	if err != nil {
		return nil, err
	}
	a := Ask{Root: root}
	var places []SitePlace
	for _, dir := range dirs {
		p := SitePlace{Dir: dir, Missing: !a.isDir(dir)}
		for _, d := range siteDirs(dir) {
			for _, file := range a.coresIn(d.dir) {
				l, err := host.Open(file)
				if err != nil {
					continue
				}
				if _, ok := identify(l); ok && !slices.Contains(p.Found, l.Path) {
					p.Found = append(p.Found, l.Path)
				}
			}
		}
		places = append(places, p)
	}
	return places, nil
}

// Problem says what is wrong with a place; empty if nothing is.
func (p SitePlace) Problem() string {
	switch {
	case p.Missing:
		return "this machine does not have it"
	case len(p.Found) == 0:
		return "no MPI library is in it, nor in lib or lib64 below it"
	}
	return ""
}

// siteRule is why something below a site's place is looked at.
const siteRule = "[mpi] host in jrun.toml"

// siteDirs are where the libraries of such a place can be: it is an MPI's prefix, or
// where its libraries are.
func siteDirs(dir string) []searched {
	return append([]searched{{dir, siteRule}}, librariesOf(dir, siteRule)...)
}

// coresIn are the files of a directory that may be an MPI's library.
func (a *Ask) coresIn(dir string) []string {
	var names []string
	for _, core := range cores {
		files, _ := filepath.Glob(filepath.Join(a.Root, dir, core+"*")) // a directory with odd letters has none
		for _, file := range files {
			names = append(names, path.Clean(a.unrooted(file)))
		}
	}
	return names
}
