package registry

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/jrun-hpc/jrun/image/harbor"
)

// Subject is what was asked for when a registry refused.
type Subject struct {
	Repository string // PROJECT/NAME
	Reference  string // tag or digest; empty if it was about none
	Method     string
}

// Project is the repository's first part, which rights and quotas belong to.
func (s Subject) Project() string {
	project, _, _ := strings.Cut(s.Repository, "/")
	return project
}

// String is the name as people write it, without the host.
func (s Subject) String() string {
	switch {
	case s.Reference == "":
		return s.Repository
	case strings.Contains(s.Reference, ":"):
		return s.Repository + "@" + s.Reference
	}
	return s.Repository + ":" + s.Reference
}

// push reports whether something was to be changed.
func (s Subject) push() bool {
	return s.Method != http.MethodGet && s.Method != http.MethodHead && s.Method != ""
}

var subjectPath = regexp.MustCompile(`^/v2/(.+)/(?:blobs/.*|tags/list|manifests/([^/]+))$`)

// subjectOf reads what a request is about.
func subjectOf(q Request) Subject {
	s := Subject{Method: q.Method}
	if found := subjectPath.FindStringSubmatch(q.URL.Path); found != nil {
		s.Repository, s.Reference = found[1], found[2]
	}
	return s
}

// question is the subject as package harbor asks about it. A manifest is asked for
// to see whether one may pull at all; which, does not matter.
func (s Subject) question(refused *RefusalError) harbor.Question {
	project, repository, _ := strings.Cut(s.Repository, "/")
	reference := s.Reference
	if reference == "" {
		reference = "latest"
	}
	q := harbor.Question{Project: project, Repository: repository, Reference: reference, Method: s.Method, Status: refused.Status, Header: refused.Header}
	if s.Method != http.MethodHead {
		q.Body = refused.Body
		if q.Body == nil {
			q.Body = []byte{}
		}
	}
	return q
}
