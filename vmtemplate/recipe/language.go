package recipe

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/change"
	"mvdan.cc/sh/v3/syntax"
)

// inLanguage takes over what was installed from within R or Julia, which is how it is
// done there: by what it has left on the disk.
func (b *builder) inLanguage(program string, c Command, touched []change.Change) bool {
	switch program {
	case "R":
		packages := libraryPackages(touched)
		if len(packages) == 0 {
			return false
		}
		b.endGroup()
		b.out.run(nil, b.Record.dirOf(c), []string{installR(packages)}, false, true)
	case "julia":
		took := false
		for _, ch := range touched {
			base := path.Base(ch.Path)
			if strings.Contains(ch.Path, "/environments/") && (base == "Project.toml" || base == "Manifest.toml") {
				took = b.take(ch, mostEdited, true) || took
			}
		}
		if !took {
			return false
		}
		b.out.run(nil, b.Record.dirOf(c), []string{"julia -e 'using Pkg; Pkg.instantiate()'"}, false, true)
	default:
		return false
	}
	return true
}

// rName is what R allows for a package's name (Writing R Extensions, 1.1.1).
var rName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9.]*$`)

// libraryPackages are R's packages among changed files, by their DESCRIPTION.
func libraryPackages(changes []change.Change) []string {
	var all []string
	for _, ch := range changes {
		dir, base := path.Split(ch.Path)
		name := path.Base(dir)
		if base == "DESCRIPTION" && strings.Contains(dir, "library") && rName.MatchString(name) {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func installR(packages []string) string {
	return `Rscript -e 'install.packages(c("` + strings.Join(packages, `", "`) + `"), repos="https://cloud.r-project.org")'`
}

// condaInstaller is a script that asks for the licence and for a place.
var condaInstaller = regexp.MustCompile(`(?:^|/)(?:Miniconda|Anaconda|Miniforge|Mambaforge)[^/]*\.sh$`)

// installer gives conda's installer the answers that it got: the licence is accepted (-b),
// and the place is where it has put itself.
func (b *builder) installer(i int, text string) string {
	file := parse(text)
	if file == nil {
		return text
	}
	prefix := ""
	for _, ch := range b.changed[i] {
		if place, ok := strings.CutSuffix(ch.Path, "/conda-meta/history"); ok && (prefix == "" || len(place) < len(prefix)) {
			prefix = place // environments are below it
		}
	}
	if prefix == "" {
		return text
	}
	var edits []edit
	syntax.Walk(file, func(n syntax.Node) bool {
		if call, ok := n.(*syntax.CallExpr); ok {
			words := literals(call)
			at := slices.IndexFunc(words, condaInstaller.MatchString)
			if at >= 0 && at <= 1 && !slices.Contains(words, "-b") && len(words) == len(call.Args) {
				end := offset(call.Args[at].End())
				edits = append(edits, edit{end, end, " -b -p " + word(prefix)})
			}
		}
		return true
	})
	return apply(text, edits)
}
