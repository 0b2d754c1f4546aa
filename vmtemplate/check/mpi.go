package check

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/jrun-hpc/jrun/runtime/hostlib"
	"github.com/jrun-hpc/jrun/runtime/mpi"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// mpiRule compares the image's MPI with the servers', by the rules of package mpi as far
// as they follow from versions. What is in the way of one use leaves others: a program
// always runs with the image's own MPI and launcher.
type mpiRule struct{ unvisited }

// openMPIReleases are the numbers in the name of Open MPI's library, the one after the
// SONAME, and the releases that have them (libmpi_so_version in its file VERSION; such
// as libmpi.so.40.30.4 of Open MPI 4.1.4).
var openMPIReleases = map[int]string{0: "3.0", 10: "3.1", 20: "4.0", 30: "4.1", 40: "5.0"}

// releaseOf names the release of a library of Open MPI; empty if it is not known.
func releaseOf(p mpi.Present) string {
	if p.Family != mpi.OpenMPI || p.Major != 40 || len(p.Number) == 0 {
		return ""
	}
	return openMPIReleases[p.Number[0]]
}

// familyName is how people call a family, with its release where it is known.
func familyName(p mpi.Present) string {
	switch p.Family {
	case mpi.OpenMPI:
		return strings.TrimSpace("Open MPI " + releaseOf(p))
	case mpi.MPICH:
		return "MPICH"
	}
	return "MPI ABI"
}

func (*mpiRule) judge(x *examination) ([]Finding, error) {
	present, err := mpi.InImage(x.Files, x.Config.Env)
	if err != nil || len(present) == 0 {
		return nil, err
	}
	all := x.familyFindings(present)
	for _, p := range present {
		all = append(all, x.openMPIFindings(p)...)
	}
	if !x.hasLauncher(present[0]) {
		all = append(all, finding("mpi-launcher", Advises, message.Of("check.mpi-launcher", familyName(present[0])), message.Of("check.mpi-launcher.next")))
	}
	return all, nil
}

// familyFindings are about launchers: a launcher's programs must be of its family.
func (x *examination) familyFindings(present []mpi.Present) []Finding {
	servers := map[mpi.Mode]string{mpi.OpenMPI: x.Site.MPI.OpenMPI, mpi.MPICH: x.Site.MPI.MPICH}
	if x.Site.MPI.OpenMPI == "" && x.Site.MPI.MPICH == "" {
		return nil
	}
	var foreign paths
	var name string
	for _, p := range present {
		if p.Family == mpi.ABI || servers[p.Family] != "" {
			return nil
		}
		name = familyName(p)
		foreign.add(strings.TrimPrefix(p.Path, "/"))
	}
	return []Finding{finding("mpi-family", Warns, message.Of("check.mpi-family", name, x.serversMPI()), message.Of("check.mpi-family.next")).at(foreign)}
}

// serversMPI names what the servers have.
func (x *examination) serversMPI() string {
	var names []string
	if v := x.Site.MPI.OpenMPI; v != "" {
		names = append(names, "Open MPI "+v)
	}
	if v := x.Site.MPI.MPICH; v != "" {
		names = append(names, "MPICH "+v)
	}
	return strings.Join(names, ", ")
}

// openMPIFindings: the servers' library can take the place of the image's, for their
// network, only if it is no older.
func (x *examination) openMPIFindings(p mpi.Present) []Finding {
	servers := x.Site.MPI.OpenMPI
	if p.Family != mpi.OpenMPI || servers == "" {
		return nil
	}
	at := paths{shown: []string{p.Path}}
	release := releaseOf(p)
	switch {
	case p.Major != 40:
		return []Finding{finding("mpi-old", Warns, message.Of("check.mpi-old", p.String(), servers), message.Of("check.mpi-old.next")).at(at)}
	case release != "" && hostlib.Newer(release, firstTwo(servers)):
		return []Finding{finding("mpi-newer", Advises, message.Of("check.mpi-newer", release, servers), message.Of("check.mpi-newer.next", firstTwo(servers))).at(at)}
	}
	return nil
}

// hasLauncher looks for mpirun, in PATH and beside the library.
func (x *examination) hasLauncher(p mpi.Present) bool {
	dirs := []string{path.Join(path.Dir(path.Dir(p.Path)), "bin"), path.Join(path.Dir(path.Dir(path.Dir(p.Path))), "bin")}
	return slices.ContainsFunc([]string{"mpirun", "mpiexec", "mpiexec.hydra"}, func(program string) bool {
		_, inPath := x.lookPath(program)
		return inPath || slices.ContainsFunc(dirs, func(dir string) bool { _, ok := x.lookPath(path.Join(dir, program)); return ok })
	})
}

// firstTwo are the first two parts of a version.
func firstTwo(version string) string {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	if _, err := strconv.Atoi(minor); err != nil {
		return major
	}
	return fmt.Sprintf("%s.%s", major, minor)
}
