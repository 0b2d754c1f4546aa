package check

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/runtime/identity"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// environmentRule: the image's variables win over the job's (package identity), which
// is right for PATH and surprises elsewhere.
type environmentRule struct{ unvisited }

// ofTheJob are variables that say what a job was given; set in an image they say the
// same in every job. A '*' at the end stands for any rest.
var ofTheJob = []string{
	"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NCPUS", "TMPDIR", "TMP", "TEMP",
	"CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "PBS_*", "SLURM_*", "PMI_*", "PMIX_*", "OMPI_COMM_WORLD_*",
}

// ofThePerson are those that jrun always sets itself.
var ofThePerson = []string{"HOME", "USER", "LOGNAME", "SHELL"}

// written are directories in which programs write; in a read-only image they cannot.
var written = []string{
	"XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "MPLCONFIGDIR", "NUMBA_CACHE_DIR", "TRITON_CACHE_DIR", "TORCH_EXTENSIONS_DIR",
	"CUPY_CACHE_DIR", "CUDA_CACHE_PATH", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR", "WANDB_DIR", "RAY_TMPDIR", "SPARK_LOCAL_DIRS",
	"JULIA_DEPOT_PATH", "R_LIBS_USER", "KERAS_HOME", "PYTHONPYCACHEPREFIX",
}

func (environmentRule) judge(x *examination) ([]Finding, error) {
	var all []Finding
	say := func(id string, severity Severity, names []string, what func(string) message.Text, next message.Text) {
		if len(names) > 0 {
			all = append(all, finding(id, severity, what(strings.Join(names, ", ")), next))
		}
	}
	var job, person, covered, readOnly []string
	for _, name := range x.variables() {
		value, _ := x.variable(name)
		first, _, _ := strings.Cut(value, ":")
		switch {
		case matches(ofTheJob, name):
			job = append(job, name)
		case slices.Contains(ofThePerson, name):
			person = append(person, name)
		case slices.Contains(written, name) && path.IsAbs(first) && !isCovered(first):
			readOnly = append(readOnly, name)
		case slices.ContainsFunc(strings.Split(value, ":"), isCovered) && !slices.Contains(written, name):
			covered = append(covered, name)
		}
	}
	say("env-job", Warns, job, func(n string) message.Text { return message.Of("check.env-job", n) }, message.Of("check.env.remove"))
	say("env-covered", Warns, covered, func(n string) message.Text { return message.Of("check.env-covered", n) }, message.Of("check.env.remove"))
	say("env-read-only", Warns, readOnly, func(n string) message.Text { return message.Of("check.env-read-only", n) }, message.Of("check.env-read-only.next"))
	say("env-person", Advises, person, func(n string) message.Text { return message.Of("check.env-person", n) }, message.Of("check.env.remove"))
	return append(all, x.searchFindings()...), nil
}

// searchFindings are about the lists of directories in which programs and libraries
// are looked for.
func (x *examination) searchFindings() []Finding {
	var all []Finding
	search := strings.Split(identity.SearchPath(x.Config.Env), ":")
	if !slices.Contains(search, "/bin") && !slices.Contains(search, "/usr/bin") {
		all = append(all, finding("path", Warns, message.Of("check.path", strings.Join(search, ":")), message.Of("check.path.next")))
	}
	if preload, ok := x.variable("LD_PRELOAD"); ok && preload != "" {
		what := message.Of("check.preload", preload)
		for name := range strings.FieldsFuncSeq(preload, func(r rune) bool { return r == ':' || r == ' ' }) {
			if _, err := fs.Stat(x.Files, inside(name)); path.IsAbs(name) && err != nil {
				what = message.Of("check.preload-missing", name)
			}
		}
		all = append(all, finding("preload", Warns, what, message.Of("check.env.remove")))
	}
	libraries, _ := x.variable("LD_LIBRARY_PATH")
	if slices.ContainsFunc(strings.Split(libraries, ":"), func(dir string) bool { return path.Base(dir) == "stubs" }) {
		all = append(all, finding("stubs", Warns, message.Of("check.stubs"), message.Of("check.stubs.next")))
	}
	return all
}

// variables are the names of the image's variables, each once.
func (i *Image) variables() []string {
	var names []string
	for _, pair := range i.Config.Env {
		if name, _, ok := strings.Cut(pair, "="); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// isCovered reports whether something absolute lies where jrun shows the host's.
func isCovered(name string) bool {
	return strings.HasPrefix(name, "/tmp/") || strings.HasPrefix(name, "/var/tmp/") || name == "/tmp" || name == "/var/tmp"
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if prefix, ok := strings.CutSuffix(p, "*"); ok {
			return strings.HasPrefix(name, prefix)
		}
		return p == name
	})
}
