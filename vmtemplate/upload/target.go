package upload

import (
	"regexp"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// Target is where an image goes.
type Target struct {
	Host       string // and port, if it has one
	Repository string // PROJECT/NAME
	Tag        string
}

// String is HOST/PROJECT/NAME:TAG.
func (t Target) String() string { return t.Host + "/" + t.Repository + ":" + t.Tag }

// Project is the repository's first part.
func (t Target) Project() string {
	project, _, _ := strings.Cut(t.Repository, "/")
	return project
}

// repository is its name within the project.
func (t Target) repository() string {
	_, name, _ := strings.Cut(t.Repository, "/")
	return name
}

// Grammar of the distribution specification ("Pulling manifests"), and its bound on
// host and repository together.
var (
	hostGrammar       = regexp.MustCompile(`^(localhost|[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)+|[a-zA-Z0-9.-]+:[0-9]+)(:[0-9]+)?$`)
	repositoryGrammar = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagGrammar        = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
)

const mostName = 255 // bytes

// ParseTarget reads HOST/PROJECT/NAME:TAG. The error says what is wrong with it and
// how it could be written.
func ParseTarget(text string) (Target, error) {
	how := message.Of("upload.name.how")
	fail := func(why message.Text) error {
		return message.Fail(message.Of("upload.name.wrong", text), nil, why, how)
	}
	host, rest, ok := strings.Cut(strings.TrimPrefix(text, "docker://"), "/")
	if !ok || !hostGrammar.MatchString(host) {
		return Target{}, fail(message.Of("upload.name.host"))
	}
	if strings.Contains(rest, "@") {
		return Target{}, fail(message.Of("upload.name.digest"))
	}
	repository, tag, tagged := strings.Cut(rest, ":")
	t := Target{Host: host, Repository: repository, Tag: tag}
	switch {
	case !tagged:
		return Target{}, fail(message.Of("upload.name.no-tag"))
	case !tagGrammar.MatchString(tag):
		return Target{}, fail(message.Of("upload.name.tag", tag))
	case len(host)+len(repository) >= mostName:
		return Target{}, fail(message.Of("upload.name.long", mostName))
	case !repositoryGrammar.MatchString(repository):
		if better := Suggest(repository); better != "" {
			return Target{}, fail(message.Of("upload.name.better", repository, Target{host, better, tag}.String()))
		}
		return Target{}, fail(message.Of("upload.name.repository", repository))
	case !strings.Contains(repository, "/"):
		return Target{}, fail(message.Of("upload.name.project"))
	}
	return t, nil
}

var (
	notOfName  = regexp.MustCompile(`[^a-z0-9._/-]+`)
	separators = regexp.MustCompile(`[._-]*/[._-]*|[._-]{2,}`)
)

// Suggest is a repository's name that is as like text as can be: small letters,
// digits, and single separators. It is empty when nothing is left.
func Suggest(text string) string {
	s := notOfName.ReplaceAllString(strings.ToLower(text), "-")
	s = separators.ReplaceAllStringFunc(s, func(run string) string {
		if strings.Contains(run, "/") {
			return "/"
		}
		return "-"
	})
	s = strings.Trim(regexp.MustCompile(`/+`).ReplaceAllString(s, "/"), "._-/")
	if !repositoryGrammar.MatchString(s) {
		return ""
	}
	return s
}
