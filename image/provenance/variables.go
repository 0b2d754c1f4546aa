package provenance

import (
	"path"
	"slices"
	"strings"
)

// watched are the variables of the host that change results. They are patterns
// of path.Match; docs/provenance.md shows the list.
var watched = []string{
	"OMP_*", "OPENBLAS_*", "MKL_*",
	"CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES",
	"NCCL_*", "UCX_*", "OMPI_MCA_*", "MPICH_*",
	"PYTHONHASHSEED", "TZ", "LANG", "LC_*",
}

// inClean are those of them that --clean-env lets in.
var inClean = []string{"TZ", "LANG", "LC_*"}

// assignments are the watched variables that the batch system gives each job, or
// each of its processes, for itself: recorded, but the next job has its own.
var assignments = []string{"CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"}

// ofLauncher are what Open MPI's launcher tells its processes in variables that
// look like settings: the rank, the address of a daemon. Each run has others.
var ofLauncher = []string{
	"OMPI_MCA_ess*", "OMPI_MCA_orte*", "OMPI_MCA_prte*", "OMPI_MCA_pmix*", "OMPI_MCA_initial_wdir",
	"OMPI_MCA_db", "OMPI_MCA_shmem_RUNTIME_QUERY_hint", "OMPI_MCA_mpi_oversubscribe", "OMPI_MCA_mpi_yield_when_idle",
}

// secretWords make a variable a secret when its name contains one.
var secretWords = []string{
	"TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "API_KEY", "APIKEY", "ACCESS_KEY", "ACCESSKEY",
	"AUTH_KEY", "LICENSE_KEY", "PRIVATE", "COOKIE",
}

// MYSQL_PWD is one; PWD and OLDPWD are not.
const passwordEnd = "_PWD"

// secretEnds make a variable a secret when its name is, or ends in _ and, one.
var secretEnds = []string{"PW", "PASS", "KEY", "AUTH", "BEARER"}

// IsSecret reports whether the value of a variable is never written.
func IsSecret(name string) bool { return secret(name) }

// secret reports whether the name of a variable sounds as if its value were one.
func secret(name string) bool {
	upper := strings.ToUpper(name)
	return slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(upper, word) }) ||
		slices.ContainsFunc(secretEnds, func(word string) bool { return upper == word || strings.HasSuffix(upper, "_"+word) }) ||
		strings.HasSuffix(upper, passwordEnd)
}

func assigned(name string) bool { return matches(assignments, name) }

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}

// getsIn reports whether a variable of the host is watched and reaches the program.
func getsIn(name string, clean bool) bool {
	return matches(watched, name) && !matches(ofLauncher, name) && (!clean || matches(inClean, name))
}

// Variables lists what a record says of an environment: of given, the user's own,
// all; of host and of image, the watched ones that get in. All are "NAME=value"; of
// two with one name the later counts.
func Variables(host, image, given []string, clean bool) []Variable {
	found := map[string]Variable{}
	for _, pair := range host {
		if name, value, ok := strings.Cut(pair, "="); ok && getsIn(name, clean) {
			found[name] = Variable{Name: name, Value: value, From: FromHost}
		}
	}
	for _, pair := range image {
		if name, value, ok := strings.Cut(pair, "="); ok && matches(watched, name) {
			found[name] = Variable{Name: name, Value: value, From: FromImage}
		}
	}
	for _, pair := range given {
		if name, value, ok := strings.Cut(pair, "="); ok {
			found[name] = Variable{Name: name, Value: value, From: FromOption}
		}
	}
	list := make([]Variable, 0, len(found))
	for _, v := range found {
		if secret(v.Name) {
			v.Value, v.Secret = "", true
		}
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b Variable) int { return strings.Compare(a.Name, b.Name) })
	return list
}
