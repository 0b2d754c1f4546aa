package fakeharbor

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
)

// databaseError is what everybody may read on /v2 while PostgreSQL is down.
const databaseError = "failed to connect to `user=postgres database=registry`: 172.18.0.3:5432 (postgresql): dial error: dial tcp 172.18.0.3:5432: connect: connection refused"

// Paths of the distribution specification that Harbor recognizes.
var (
	nameGrammar    = `([a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*)`
	manifestPath   = regexp.MustCompile(`^/v2/` + nameGrammar + `/manifests/([^/]+)$`)
	tagsPath       = regexp.MustCompile(`^/v2/` + nameGrammar + `/tags/list$`)
	uploadPath     = regexp.MustCompile(`^/v2/` + nameGrammar + `/blobs/uploads/?([^/]*)$`)
	blobPath       = regexp.MustCompile(`^/v2/` + nameGrammar + `/blobs/(sha256:[0-9a-f]{64})$`)
	referrersPath  = regexp.MustCompile(`^/v2/` + nameGrammar + `/referrers/([^/]+)$`)
	digestGrammar  = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	registryAction = map[string]string{http.MethodGet: "pull", http.MethodHead: "pull", http.MethodPost: "push", http.MethodPut: "push", http.MethodPatch: "push", http.MethodDelete: "delete"}
)

// question is a request to /v2 that has been let in.
type question struct {
	w   http.ResponseWriter
	r   *http.Request
	who *identity
	p   *project
	// name is of the repository within the project, and last what follows:
	// reference, digest, upload.
	name, last string
}

// serveV2 is middleware/v2auth: who may not is 401, and so is almost everything
// else.
func (s *Server) serveV2(w http.ResponseWriter, r *http.Request, who *identity) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	if r.URL.Path == "/v2" || r.URL.Path == "/v2/" {
		if !who.known() && who.token == nil {
			s.challenge(w, r, "", "unauthorized")
			return
		}
		if rec, ok := s.storage(inside(http.MethodGet, "/v2/", nil)); !ok { // it is the storage that answers
			w.WriteHeader(rec.Code)
			return
		}
		reply(w, http.StatusOK, object{})
		return
	}
	handlers := []struct {
		path  *regexp.Regexp
		serve func(question)
	}{{manifestPath, s.serveManifest}, {tagsPath, s.serveTags}, {uploadPath, s.serveUpload}, {blobPath, s.serveBlob}, {referrersPath, s.serveReferrers}}
	for _, h := range handlers {
		found := h.path.FindStringSubmatch(r.URL.Path)
		if found == nil {
			continue
		}
		q := question{w: w, r: r, who: who}
		if len(found) > 2 {
			q.last = found[2]
		}
		if s.letIn(&q, found[1]) {
			h.serve(q)
		}
		return
	}
	if r.URL.Path == "/v2/_catalog" {
		s.serveCatalog(w, who)
		return
	}
	s.unauthorized(w, "", fmt.Sprintf("un-recognized request: %s %s", r.Method, r.URL.Path))
}

// letIn decides about a repository, and answers when it says no.
func (s *Server) letIn(q *question, full string) bool {
	action := registryAction[q.r.Method]
	name, rest, ok := strings.Cut(full, "/")
	switch {
	case !ok:
		refuse(q.w, http.StatusBadRequest, "BAD_REQUEST", "invalid repository name: "+full)
		return false
	case q.r.Header.Get("Authorization") == "" && action == "pull":
		s.challenge(q.w, q.r, "repository:"+full+":pull", "authorize header needed to send HEAD to repository")
		return false
	case s.switches.databaseDown.on:
		s.unauthorized(q.w, "", databaseError)
		return false
	}
	q.p, q.name = s.project(name), rest
	if q.p == nil {
		s.unauthorized(q.w, "", fmt.Sprintf("project %s not found", name))
		return false
	}
	if !s.may(q.who, q.p, "repository", action) {
		s.challenge(q.w, q.r, "repository:"+full+":"+map[string]string{"pull": "pull", "push": "pull,push", "delete": "delete"}[action],
			fmt.Sprintf("unauthorized to access repository: %s, action: %s", full, action))
		return false
	}
	return true
}

// challenge asks for a token, or for another password from whoever sent
// anything.
func (s *Server) challenge(w http.ResponseWriter, r *http.Request, scope, message string) {
	if r.Header.Get("Authorization") != "" {
		s.unauthorized(w, `Basic realm="harbor"`, message)
		return
	}
	text := fmt.Sprintf(`Bearer realm="%s/service/token",service="harbor-registry"`, s.URL)
	if scope != "" {
		text += fmt.Sprintf(`,scope="%s"`, scope)
	}
	s.unauthorized(w, text, message)
}

// unauthorized says everything twice, as Harbor's way to wrap errors does.
func (s *Server) unauthorized(w http.ResponseWriter, challenge, message string) {
	w.Header().Set("Www-Authenticate", challenge)
	refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", message+": "+message)
}

// serveTags lists from the database, with the signatures.
func (s *Server) serveTags(q question) {
	repo := q.p.repo(q.name)
	if repo == nil {
		refuse(q.w, http.StatusNotFound, "NOT_FOUND", fmt.Sprintf("repository %s/%s not found", q.p.name, q.name))
		return
	}
	names := []string{}
	for _, t := range repo.tags {
		names = append(names, t.name)
	}
	slices.Sort(names)
	reply(q.w, http.StatusOK, object{"name": repo.full(), "tags": names})
}

func (s *Server) serveCatalog(w http.ResponseWriter, who *identity) {
	if who.user == nil || !who.user.Admin {
		s.unauthorized(w, `Basic realm="harbor"`, "unauthorized to list catalog")
		return
	}
	names := []string{}
	for _, p := range s.projects {
		for _, repo := range p.repos {
			names = append(names, repo.full())
		}
	}
	slices.Sort(names)
	reply(w, http.StatusOK, object{"repositories": names})
}

// hangs is no status, but an answer that does not come.
const hangs = 599

// inside is a request from Harbor to its storage.
func inside(method, path string, body []byte) *http.Request {
	return httptest.NewRequestWithContext(context.Background(), method, path, bytes.NewReader(body))
}

// storage asks the backend, and reports whether it went well.
func (s *Server) storage(r *http.Request) (*httptest.ResponseRecorder, bool) {
	rec := httptest.NewRecorder()
	switch {
	case s.switches.backendDown.on:
		rec.WriteHeader(http.StatusBadGateway) // core's proxy says nothing more
	case s.switches.backendHangs:
		rec.WriteHeader(hangs)
	default:
		s.backend.ServeHTTP(rec, r)
	}
	return rec, rec.Code < http.StatusMultipleChoices
}
