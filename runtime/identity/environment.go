package identity

import (
	"io/fs"
	"slices"
	"strings"
)

// defaultPath is the PATH of an image that names none, as in the OCI runtimes.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// hostOnly are variables that lead programs to the host's software, which is
// not the image's. A trailing '*' stands for any rest.
var hostOnly = []string{
	"PATH", "LD_*", "LOCPATH", "NLSPATH", "MANPATH", "INFOPATH", "PKG_CONFIG_PATH", "ACLOCAL_PATH",
	"CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH",
	"PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONSTARTUP", "VIRTUAL_ENV", "CONDA_*",
	"PERL5LIB", "PERLLIB", "PERL_*", "RUBYLIB", "GEM_*", "NODE_PATH", "R_HOME", "R_LIBS*", "JAVA_HOME", "CLASSPATH",
	"BASH_ENV", "ENV", "BASH_FUNC_*", "PROMPT_COMMAND", "MODULEPATH*", "MODULESHOME", "LMOD_*", "_LM*", "LOADEDMODULES", "_",
	"XDG_DATA_DIRS", "XDG_CONFIG_DIRS", "FONTCONFIG_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "GCONV_PATH", "TERMINFO",
}

// kept are the variables of the host that stay even in a clean environment: those of
// the terminal, and those by which ranks of an MPI program find each other.
var kept = []string{
	"TERM", "COLORTERM", "LANG", "LC_*", "TZ", "TMPDIR",
	"PMI_*", "PMIX_*", "OMPI_*", "PRTE_*", "HYDI_*", "MPI_LOCALNRANKS", "MPI_LOCALRANKID", "PALS_*",
}

// Environment is what decides a job's environment.
type Environment struct {
	Host  []string // as os.Environ
	Image []string // the image's ENV
	Set   []string // the user's --env-file and --env, in order
	Clean bool     // take of Host only what a terminal needs
}

// Inside returns the environment of the job, "NAME=value", sorted. The shell
// and locale are taken from about, see [Examine].
func (e Environment) Inside(p Person, about About) []string {
	vars := map[string]string{"PATH": defaultPath}
	for _, pair := range e.Host {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" || (e.Clean && !matches(kept, name)) || matches(hostOnly, name) {
			continue
		}
		vars[name] = value
	}
	// Packages that pip put under the home on the host were built for the host.
	vars["PYTHONNOUSERSITE"] = "1"
	for name := range vars {
		if name == "LC_ALL" || strings.HasPrefix(name, "LC_") {
			vars[name] = about.localeFor(vars[name])
		}
	}
	vars["LANG"] = about.localeFor(vars["LANG"])
	assign(vars, e.Image)
	// Images are often built as root and say so; the job is the person.
	vars["HOME"], vars["USER"], vars["LOGNAME"], vars["SHELL"] = p.Home, p.Name, p.Name, about.Shell
	assign(vars, e.Set)
	inside := make([]string, 0, len(vars))
	for name, value := range vars {
		inside = append(inside, name+"="+value)
	}
	slices.Sort(inside)
	return inside
}

// HostOnly lists the variables of the host that [Environment.Inside] leaves out. A '*'
// at the end stands for any rest.
func HostOnly() []string { return slices.Clone(hostOnly) }

// Kept lists those that it takes into a clean environment, likewise.
func Kept() []string { return slices.Clone(kept) }

// IsHostOnly reports whether a variable of the host is left out inside.
func IsHostOnly(name string) bool { return matches(hostOnly, name) }

// IsKept reports whether a variable of the host is taken into a clean environment.
func IsKept(name string) bool { return matches(kept, name) }

// Constants are the variables inside that do not follow from each process's own
// environment, but from its locale and the rest of e.
func (e Environment) Constants(p Person, about About) []string {
	e.Host = slices.DeleteFunc(slices.Clone(e.Host), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return name != "LANG" && !strings.HasPrefix(name, "LC_")
	})
	return e.Inside(p, about)
}

// assign sets the variables of pairs, "NAME=value".
func assign(vars map[string]string, pairs []string) {
	for _, pair := range pairs {
		if name, value, ok := strings.Cut(pair, "="); ok && name != "" {
			vars[name] = value
		}
	}
}

// SearchPath is the PATH of an image with this ENV.
func SearchPath(image []string) string {
	vars := map[string]string{"PATH": defaultPath}
	assign(vars, image)
	return vars["PATH"]
}

// Profile is a part of /etc/profile, from profile.d, that gives login shells back
// what the image's ENV says about programs: distributions set PATH anew.
func Profile(searchPath string) []byte {
	quoted := strings.ReplaceAll(searchPath, "'", `'\''`)
	return []byte("# Of jrun: login shells, too, find the programs that the image names in its PATH.\n" +
		"[ \"$PATH\" = '" + quoted + "' ] || PATH='" + quoted + "':$PATH\n")
}

// WantedLocales lists the locales that the host's environment asks for.
func WantedLocales(host []string) []string {
	var wanted []string
	for _, pair := range host {
		name, value, _ := strings.Cut(pair, "=")
		if (name == "LANG" || strings.HasPrefix(name, "LC_")) && !slices.Contains(wanted, value) {
			wanted = append(wanted, value)
		}
	}
	slices.Sort(wanted)
	return wanted
}

// About is what must be known of the image to dress a job; it is found out
// once and handed to every rank, so it can be encoded.
type About struct {
	Shell    string
	Locales  map[string]string // a wanted locale and what to use for it
	Fallback string            // for a locale that was not asked about
}

// Examine looks into the image for the person's shell and the locales.
func Examine(image fs.FS, p Person, locales []string) About {
	shell, _ := Shell(image, p.Shell)
	about := About{Shell: shell, Locales: map[string]string{}, Fallback: Locale(image, "")}
	for _, wanted := range locales {
		about.Locales[wanted] = Locale(image, wanted)
	}
	return about
}

func (a About) localeFor(wanted string) string {
	if found, ok := a.Locales[wanted]; ok {
		return found
	}
	return a.Fallback
}

// Shell returns the first of wanted, bash and sh that the image has, and whether it
// has one.
func Shell(image fs.FS, wanted string) (string, bool) {
	for _, name := range []string{wanted, "/bin/bash", "/bin/sh"} {
		if info, err := fs.Stat(image, strings.TrimPrefix(name, "/")); err == nil && info.Mode().IsRegular() {
			return name, true
		}
	}
	return "/bin/sh", false
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if prefix, ok := strings.CutSuffix(p, "*"); ok {
			return strings.HasPrefix(name, prefix)
		}
		return p == name
	})
}
