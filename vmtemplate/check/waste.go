package check

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/shellword"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// WasteKind is why something in an image can go.
type WasteKind string

// The kinds of waste.
const (
	PackageCaches    WasteKind = "package-caches"    // what package managers have fetched
	Documentation    WasteKind = "documentation"     // manuals nobody reads in a job
	StaticLibraries  WasteKind = "static-libraries"  // for linking only
	GitHistories     WasteKind = "git-histories"     // .git of what was cloned
	Tests            WasteKind = "tests"             // of Python packages
	Installers       WasteKind = "installers"        // archives of what is installed by now
	DebugInformation WasteKind = "debug-information" // for debuggers only
	ObjectFiles      WasteKind = "object-files"      // left by compilers
)

// Waste is what an image could do without.
type Waste struct {
	Kind  WasteKind
	What  message.Text
	Bytes int64
	Files int
	Paths []string // absolute: the largest places, mostPaths at most
	Next  []message.Text
}

// heap of one kind, by place.
type pile struct {
	bytes  int64
	files  int
	places map[string]int64
}

// wasteful sorts files into piles.
type wasteful struct{ piles map[WasteKind]*pile }

func (w *wasteful) visit(e *entry) {
	kind, place := wasteIn(e)
	if kind == "" {
		return
	}
	if w.piles == nil {
		w.piles = map[WasteKind]*pile{}
	}
	p := w.piles[kind]
	if p == nil {
		p = &pile{places: map[string]int64{}}
		w.piles[kind] = p
	}
	p.bytes += e.bytes
	p.files++
	p.places[place] += e.bytes
}

// wasteDirs are whole directories; those with a slash in front are at that place, others
// anywhere, by the last part that the pattern names.
var wasteDirs = []struct {
	dir  string
	kind WasteKind
}{
	{"/var/cache/apt", PackageCaches}, {"/var/lib/apt/lists", PackageCaches}, {"/var/cache/dnf", PackageCaches}, {"/var/cache/yum", PackageCaches},
	{"/var/cache/libdnf5", PackageCaches}, {"/var/cache/zypp", PackageCaches}, {"/var/cache/apk", PackageCaches}, {"/var/cache/pacman", PackageCaches},
	{"/root/.cache", PackageCaches}, {"/root/.npm", PackageCaches}, {"/root/.cargo/registry", PackageCaches}, {"/root/.conda/pkgs", PackageCaches},
	{"/root/.julia/registries", PackageCaches}, {"/root/go/pkg/mod/cache", PackageCaches}, {"/root/.m2", PackageCaches}, {"/usr/local/share/.cache", PackageCaches},
	{"/usr/share/doc", Documentation}, {"/usr/share/man", Documentation}, {"/usr/share/info", Documentation}, {"/usr/share/gtk-doc", Documentation},
	{"/usr/local/share/doc", Documentation}, {"/usr/local/share/man", Documentation},
	{"/usr/lib/debug", DebugInformation}, {"/usr/src", Installers},
}

// installerSuffixes are archives; small ones are data of programs.
var installerSuffixes = []string{".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar.zst", ".tar", ".deb", ".rpm", ".run", ".iso", ".zip"}

const leastInstaller = 4 << 20 // bytes

// wasteIn tells which kind of waste a file is, and at which place it is removed.
func wasteIn(e *entry) (kind WasteKind, place string) {
	name := "/" + e.path
	if i := strings.Index(name, "/.git/"); i >= 0 {
		return GitHistories, name[:i+len("/.git")]
	}
	for _, d := range wasteDirs {
		if strings.HasPrefix(name, d.dir+"/") {
			return d.kind, d.dir
		}
	}
	// PREFIX/pkgs beside PREFIX/conda-meta; the prefix has one of these names.
	if i := strings.Index(name, "/pkgs/"); i >= 0 && strings.Contains(path.Base(name[:i]), "conda") || i >= 0 && strings.Contains(path.Base(name[:i]), "forge") {
		return PackageCaches, name[:i+len("/pkgs")]
	}
	if lib := pythonLibrary(e.path); lib != "" {
		for _, dir := range []string{"/tests/", "/test/"} {
			if i := strings.Index(name[len(lib)+1:], dir); i >= 0 {
				return Tests, name[:len(lib)+1+i+len(dir)-1]
			}
		}
	}
	switch suffix := path.Ext(e.name); {
	case suffix == ".a" && strings.HasPrefix(e.name, "lib"):
		return StaticLibraries, name
	case suffix == ".o" && e.bytes > 4096 && !strings.HasPrefix(e.name, "crt"):
		return ObjectFiles, name
	case suffix == ".debug":
		return DebugInformation, name
	case e.bytes >= leastInstaller && (slices.ContainsFunc(installerSuffixes, func(s string) bool { return strings.HasSuffix(e.name, s) }) || isInstaller(e.name)):
		return Installers, name
	}
	return "", ""
}

// isInstaller knows the self-extracting scripts that people fetch.
func isInstaller(name string) bool {
	return strings.HasSuffix(name, ".sh") && (strings.HasPrefix(name, "Mini") || strings.HasPrefix(name, "Anaconda") || strings.HasPrefix(name, "Mambaforge") || strings.Contains(name, "installer") || strings.HasPrefix(name, "cmake-"))
}

// leastWaste is what is worth a line, in bytes; and it must be a two-hundredth of the
// whole.
const leastWaste = 1 << 20

func (w *wasteful) list(x *examination, total int64) []Waste {
	var all []Waste
	for kind, p := range w.piles {
		if p.bytes < leastWaste || p.bytes < total/200 {
			continue
		}
		places := slices.SortedFunc(maps.Keys(p.places), func(a, b string) int {
			return cmp.Or(cmp.Compare(p.places[b], p.places[a]), cmp.Compare(a, b))
		})
		shown := places[:min(len(places), mostPaths)]
		what, next := kind.words(x, shown)
		all = append(all, Waste{Kind: kind, What: what, Bytes: p.bytes, Files: p.files, Paths: shown, Next: next})
	}
	slices.SortFunc(all, func(a, b Waste) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Kind, b.Kind)) })
	return all
}

// words says what a kind is and what to type.
func (k WasteKind) words(x *examination, places []string) (what message.Text, next []message.Text) {
	command := "rm -rf"
	for _, place := range places {
		command += " " + shellword.Quote(place)
	}
	remove := []message.Text{message.Plain(command)}
	switch k {
	case PackageCaches:
		return message.Of("check.waste.caches"), cleanCaches(x.packages, places)
	case Documentation:
		return message.Of("check.waste.documentation"), remove
	case StaticLibraries:
		return message.Of("check.waste.static"), remove
	case GitHistories:
		return message.Of("check.waste.git"), remove
	case Tests:
		return message.Of("check.waste.tests"), remove
	case Installers:
		return message.Of("check.waste.installers"), remove
	case DebugInformation:
		return message.Of("check.waste.debug"), remove
	}
	return message.Of("check.waste.objects"), remove
}

// cleanCaches uses the package managers' own words where they have some.
func cleanCaches(p packageManager, places []string) []message.Text {
	var all []message.Text
	rest := "rm -rf"
	for _, place := range places {
		switch {
		case p == apt && place == "/var/cache/apt":
			all = append(all, message.Plain("apt-get clean"))
		case (p == dnf || p == yum) && (strings.HasPrefix(place, "/var/cache/dnf") || place == "/var/cache/yum" || strings.HasPrefix(place, "/var/cache/libdnf")):
			all = append(all, message.Plain(string(p)+" clean all"))
		case strings.HasSuffix(place, "/pkgs"):
			all = append(all, message.Plain(shellword.Quote(strings.TrimSuffix(place, "/pkgs")+"/bin/conda")+" clean --all --yes"))
		default:
			rest += " " + shellword.Quote(place) + "/*"
		}
	}
	if rest != "rm -rf" {
		all = append(all, message.Plain(rest))
	}
	return all
}
