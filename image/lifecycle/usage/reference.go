package usage

import (
	"regexp"
	"strings"
)

// image is where an image is, as a report names it.
type imageName struct{ registry, project, repository string }

var (
	projectGrammar    = regexp.MustCompile(`^[a-z0-9]+(?:[._-][a-z0-9]+)*$`)
	repositoryGrammar = regexp.MustCompile(`^[a-z0-9]+(?:(?:[._/]|__|-+)[a-z0-9]+)*$`)
)

// mostName is how long a repository's name may be, with its project, in bytes
// (Harbor and distribution: 255).
const mostName = 255

// parseName reads registry/project/repository[:tag][@digest]; ok is false for anything
// that Harbor could not have.
func parseName(reference string) (n imageName, ok bool) {
	rest, _, _ := strings.Cut(reference, "@")
	n.registry, rest, _ = strings.Cut(rest, "/")
	if i := strings.LastIndexByte(rest, ':'); i >= 0 {
		rest = rest[:i]
	}
	n.project, n.repository, _ = strings.Cut(rest, "/")
	ok = n.registry != "" && len(rest) <= mostName && projectGrammar.MatchString(n.project) && repositoryGrammar.MatchString(n.repository)
	return n, ok
}
