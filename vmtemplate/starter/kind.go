package starter

import (
	"bytes"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/jrun-hpc/jrun/shellword"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// Kind is what a file lists.
type Kind string

// The kinds.
const (
	Apt          Kind = "apt"         // apt.txt: packages of Debian or Ubuntu, one a line
	Pip          Kind = "pip"         // requirements.txt
	PyProject    Kind = "pyproject"   // pyproject.toml with [project]
	Conda        Kind = "conda"       // environment.yml
	RDescription Kind = "description" // DESCRIPTION of an R package or project
	Julia        Kind = "julia"       // Project.toml
	Node         Kind = "node"        // package.json
)

// named are files whose name says it all.
var named = map[string]Kind{
	"apt.txt": Apt, "packages.txt": Apt, "apt-packages.txt": Apt, "requirements.txt": Pip, "requirements.in": Pip,
	"environment.yml": Conda, "environment.yaml": Conda, "conda.yml": Conda, "conda.yaml": Conda, "DESCRIPTION": RDescription,
	"Project.toml": Julia, "JuliaProject.toml": Julia, "pyproject.toml": PyProject, "package.json": Node,
}

// Detect tells what a file is, by its name, and where that does not tell by what is in it.
func Detect(name string, text []byte) (Kind, error) {
	base := path.Base(name)
	if k, ok := named[base]; ok {
		return k, nil
	}
	if hint := hintFor(base); !hint.Empty() {
		return "", message.Fail(message.Of("starter.unknown", base), nil, hint)
	}
	switch lower := strings.ToLower(base); {
	case strings.HasSuffix(lower, ".yml") || strings.HasSuffix(lower, ".yaml"):
		if regexp.MustCompile(`(?m)^dependencies\s*:`).Match(text) {
			return Conda, nil
		}
	case strings.HasSuffix(lower, ".toml"):
		if regexp.MustCompile(`(?m)^\[(project|build-system)\]`).Match(text) {
			return PyProject, nil
		}
		if regexp.MustCompile(`(?m)^\[deps\]`).Match(text) {
			return Julia, nil
		}
	case strings.HasSuffix(lower, ".txt") || strings.HasSuffix(lower, ".in"):
		return detectList(base, text)
	}
	return "", message.Fail(message.Of("starter.unknown", base), nil, message.Of("starter.unknown.next"))
}

// detectList parts requirements from packages of a distribution. A list of bare names
// can be either, and is not guessed.
func detectList(name string, text []byte) (Kind, error) {
	lower := strings.ToLower(name)
	switch {
	case strings.Contains(lower, "requirement") || strings.Contains(lower, "pip"):
		return Pip, nil
	case strings.Contains(lower, "apt"):
		return Apt, nil
	case regexp.MustCompile(`(?m)^\s*([A-Za-z0-9._-]+\s*(\[[^]]*\])?\s*(==|>=|<=|~=|!=|>|<|@)|-r |-e |--)`).Match(text):
		return Pip, nil
	}
	return "", message.Fail(message.Of("starter.ambiguous", name), nil, message.Of("starter.ambiguous.next"))
}

// hintFor is advice on files that people may well try.
func hintFor(base string) message.Text {
	switch {
	case base == "Dockerfile" || base == "Containerfile" || strings.HasSuffix(base, ".Dockerfile"):
		return message.Plain("jbuild build -f " + shellword.Quote(base) + " .")
	case base == "Manifest.toml":
		return message.Of("starter.hint.manifest")
	case base == "poetry.lock" || base == "Pipfile" || base == "Pipfile.lock" || base == "uv.lock" || base == "setup.py" || base == "setup.cfg":
		return message.Of("starter.hint.export")
	case base == "renv.lock":
		return message.Of("starter.hint.renv")
	case base == "package-lock.json" || base == "yarn.lock":
		return message.Of("starter.hint.package-json")
	}
	return message.Text{}
}

// binaryLine finds the first line that is no text.
func binaryLine(text []byte) (line int, found bool) {
	for i, l := range bytes.Split(text, []byte("\n")) {
		if bytes.IndexByte(l, 0) >= 0 || !utf8.Valid(l) {
			return i + 1, true
		}
	}
	return 0, false
}
