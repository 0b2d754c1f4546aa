package mirror

import (
	"path"
	"strings"
)

// Target is what is to be looked at: a repository, or a whole project when Repository
// is empty.
type Target struct {
	Project    string `json:"project"`
	Repository string `json:"repository,omitempty"` // within the project; may have slashes
}

// String is project/repository.
func (t Target) String() string {
	if t.Repository == "" {
		return t.Project
	}
	return t.Project + "/" + t.Repository
}

// mostName is the length of the longest name that Harbor has, in bytes.
const mostName = 255

// ParseTarget reads project/repository. ok is false for what no Harbor can have.
func ParseTarget(name string) (t Target, ok bool) {
	t.Project, t.Repository, _ = strings.Cut(name, "/")
	return t, t.sound()
}

// sound reports whether Harbor could have such a thing: its names are lower-case
// letters, digits, and separators, and none of them is a way out of a directory.
func (t Target) sound() bool {
	if t.Project == "" || len(t.Project) > mostName || len(t.Repository) > mostName {
		return false
	}
	name := t.String()
	for _, part := range strings.Split(name, "/") {
		if part == "" || strings.Trim(part, "._-") == "" {
			return false
		}
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("/._-", r)
	})
}

// Choice says which repositories are converted.
type Choice struct {
	Include, Exclude []string // patterns of path.Match; of a project, or of project/repository
}

// Wants reports whether the images of t are made ready before jobs ask for them.
func (c Choice) Wants(t Target) bool {
	return (len(c.Include) == 0 || matches(c.Include, t)) && !matches(c.Exclude, t)
}

// matches tries patterns on the repository and on all that it is in.
func matches(patterns []string, t Target) bool {
	for _, pattern := range patterns {
		for name := t.String(); name != "."; name = path.Dir(name) {
			if ok, err := path.Match(pattern, name); ok && err == nil {
				return true
			}
		}
	}
	return false
}
