package mpi

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/runtime/inject"
)

// launcher is a way in which ranks are started and find each other.
type launcher struct {
	name  string
	marks []string // variables that only its ranks have, any of them
	say   string   // how a rank reaches it
	dirs  []place  // what it names
}

// place is a directory, or the directory of a file, that a rank opens.
type place struct {
	variable string // that names it; or
	path     string // where it always is
	file     bool   // the variable names a file in it
	why      string
}

// launchers are looked for in this order; several may be there, as Open MPI's uses
// PMIx. Sources: the PMIx standard 5.0 (chapter 18) and OpenPMIx's ptl; MPICH's
// pm/hydra and pmi; flux-shell-cray-pals(1), for PALS; Slurm's mpi/pmix and mpi/pmi2.
var launchers = []launcher{
	{
		name: "Open MPI (mpirun, prterun)", marks: []string{"OMPI_COMM_WORLD_RANK"},
		say: "a TCP port of this machine; ranks share memory through files of the session's directory",
		dirs: []place{
			{variable: "OMPI_MCA_orte_top_session_dir", why: "the session's files, through which ranks share memory"},
			{variable: "OMPI_FILE_LOCATION", why: "the session's files, through which ranks share memory"},
		},
	},
	{
		name: "PMIx", marks: []string{"PMIX_RANK"},
		say: "a TCP port of this machine (PMIX_SERVER_URI*, one for each version of clients; they fall back to what both sides know)",
		dirs: []place{
			{variable: "PMIX_SERVER_TMPDIR", why: "the server's files: its address and the data that all ranks read"},
			{variable: "PMIX_SYSTEM_TMPDIR", why: "the address of the machine's own server"},
			{variable: "PMIX_DSTORE_21_BASE_PATH", why: "data that all ranks read, of PMIx 2.1 and newer"},
			{variable: "PMIX_DSTORE_ESH_BASE_PATH", why: "data that all ranks read, of PMIx 2.0"},
		},
	},
	{
		name: "PMI-1 or PMI-2", marks: []string{"PMI_FD", "PMI_PORT", "PMI_JOBID"},
		say: "the descriptor of PMI_FD, which is kept open, or the TCP port of PMI_PORT",
	},
	{
		name: "Hydra (mpiexec of MPICH, Intel MPI, MVAPICH)", marks: []string{"HYDI_CONTROL_FD", "MPI_LOCALNRANKS"},
		say: "the descriptor of HYDI_CONTROL_FD, which is kept open",
	},
	{
		name: "PALS (mpiexec, aprun of HPE Cray)", marks: []string{"PALS_RANKID", "PALS_APINFO"},
		say: "files that its variables name, and the port of PMI_CONTROL_PORT",
		dirs: []place{
			{variable: "PALS_APINFO", file: true, why: "the file that says which ranks run where"},
			{variable: "PALS_SPOOL_DIR", why: "the files of the launched program"},
		},
	},
	{
		name: "Slurm (srun)", marks: []string{"SLURM_STEP_ID"},
		say: "the descriptor of PMI_FD, or its PMIx server",
		dirs: []place{
			{path: "/var/spool/slurmd", why: "slurmd's sockets and files of the step"},
			{path: "/etc/slurm", why: "slurm.conf, which Slurm's libpmi reads"},
		},
	},
}

// munge is the socket of the service by which PMIx and Slurm may tell users apart.
var munge = place{path: "/run/munge", why: "the socket by which a rank proves who it is"}

// Ask is what the decision depends on, beside the image.
type Ask struct {
	Mode Mode
	Root string   // of the host's file system: "/", or a tree made for tests
	Env  []string // of the process, as os.Environ

	// Hosts are directories of MPIs that the site names. They are looked into after
	// those that the environment names, and before the usual ones.
	Hosts []string

	// Shown reports whether a directory of the host is visible inside anyway, under
	// its own name.
	Shown func(dir string) bool
}

func (a *Ask) variable(name string) string {
	for _, pair := range a.Env {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

func (a *Ask) has(name string) bool { return a.variable(name) != "" }

func (a *Ask) isDir(name string) bool {
	info, err := os.Stat(filepath.Join(a.Root, name))
	return err == nil && info.IsDir()
}

// recognise finds the launchers.
func (p *Plan) recognise(a *Ask) (found []launcher) {
	for _, l := range launchers {
		if mark := slices.IndexFunc(l.marks, a.has); mark >= 0 {
			p.Launchers = append(p.Launchers, l.name)
			p.say("%s started this (%s is set): a rank reaches it by %s", l.name, l.marks[mark], l.say)
			found = append(found, l)
		}
	}
	if len(found) == 0 {
		p.say("no MPI launcher started this")
	}
	return found
}

// passLauncher adds what the launchers need.
func (p *Plan) passLauncher(a *Ask, found []launcher) {
	for _, l := range found {
		for _, d := range l.dirs {
			p.showPlace(a, d)
		}
	}
	if strings.Contains(a.variable("PMIX_SECURITY_MODE"), "munge") || a.has("SLURM_STEP_ID") {
		p.showPlace(a, munge)
	}
	for _, name := range hostsOwn {
		if dir := a.variable(name); dir != "" && !a.Shown(path.Clean(dir)) {
			p.Items = append(p.Items, inject.Item{
				Kind: inject.Unset, Inside: name, Value: dir,
				Why: "it leads to files of the host's MPI, which the image's is not", Rule: dir + " is not shown inside",
			})
		}
	}
}

// hostsOwn are variables by which an MPI that was moved finds its own files, and
// which launchers hand on to ranks.
var hostsOwn = []string{
	"OPAL_PREFIX", "OPAL_LIBDIR", "OPAL_PKGLIBDIR", "OPAL_DATADIR", "OPAL_PKGDATADIR", "OPAL_SYSCONFDIR", "PMIX_INSTALL_PREFIX", "PRTE_PREFIX",
	"OMPI_MCA_mca_base_component_path", "OMPI_MCA_component_path", "PMIX_MCA_mca_base_component_path",
	"FI_PROVIDER_PATH", "UCX_MODULE_DIR", "MPI_HOME", "MPI_ROOT", "I_MPI_ROOT",
}

// showPlace adds a directory unless it is visible already, or is one that would hide
// the image's own.
func (p *Plan) showPlace(a *Ask, d place) {
	dir, rule := d.path, "always there"
	if d.variable != "" {
		if dir = a.variable(d.variable); !path.IsAbs(dir) {
			return
		}
		dir, rule = path.Clean(dir), "$"+d.variable
		if d.file {
			dir = path.Dir(dir)
		}
	}
	switch {
	case !a.isDir(dir):
	case a.Shown(dir):
		p.say("%s (%s) is visible inside anyway: %s", dir, rule, d.why)
	case !spool(dir):
		p.say("%s (%s) is not shown: it would hide the image's own", dir, rule)
	default:
		// Images have /var/run as a link to /run, and a mount point is no link.
		inside := dir
		if rest, ok := strings.CutPrefix(dir, "/var/run/"); ok {
			inside = "/run/" + rest
		}
		known := func(i inject.Item) bool {
			return i.Kind == inject.Directory && (inside == i.Inside || strings.HasPrefix(inside, i.Inside+"/"))
		}
		if !slices.ContainsFunc(p.Items, known) {
			p.Items = append(p.Items, inject.Item{Kind: inject.Directory, Host: dir, Inside: inside, Writable: true, Why: d.why, Rule: rule})
		}
	}
}

// spool reports whether a directory can be one of a launcher: below where services
// keep their files, or outside of what images bring.
func spool(dir string) bool {
	if dir == "/etc/slurm" {
		return true
	}
	for _, parent := range []string{"/run", "/var/run", "/var/spool", "/var/lib", "/var/tmp", "/tmp"} {
		if strings.HasPrefix(dir, parent+"/") {
			return true
		}
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(dir, "/"), "/")
	return !slices.Contains([]string{
		"", "bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "media", "mnt", "opt", "proc", "root", "run", "sbin", "srv", "sys", "usr", "var",
	}, first)
}
