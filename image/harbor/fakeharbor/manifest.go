package fakeharbor

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
)

// manifest has the fields of manifests and indexes that Harbor reads.
type manifest struct {
	MediaType    string       `json:"mediaType"`
	ArtifactType string       `json:"artifactType"`
	Config       descriptor   `json:"config"`
	Layers       []descriptor `json:"layers"`
	Manifests    []descriptor `json:"manifests"`
	Subject      *descriptor  `json:"subject"`
}

type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

func (s *Server) serveManifest(q question) {
	switch q.r.Method {
	case http.MethodGet, http.MethodHead:
		s.pullManifest(q)
	case http.MethodPut:
		s.pushManifest(q)
	case http.MethodDelete:
		s.deleteManifest(q)
	default:
		q.w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

// pullManifest looks into the database, then at the project's gates, and only
// then into the storage. GET counts as a pull, HEAD does not.
func (s *Server) pullManifest(q question) {
	repo, a := s.known(q)
	if a == nil || s.gated(q, repo, a) {
		return
	}
	if slices.Contains(q.r.Header["If-None-Match"], a.digest) || slices.Contains(q.r.Header["If-None-Match"], strconv.Quote(a.digest)) {
		q.w.WriteHeader(http.StatusNotModified)
		return
	}
	raw, status := s.raw(repo, a)
	switch {
	case status >= http.StatusInternalServerError:
		q.w.WriteHeader(status)
		return
	case a.lost:
		refuse(q.w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
		return
	case strings.HasPrefix(a.mediaType, "application/vnd.oci.") && !accepts(q.r, a.mediaType):
		refuse(q.w, http.StatusNotFound, "MANIFEST_UNKNOWN", "OCI manifest found, but accept header does not support OCI manifests")
		return
	}
	h := q.w.Header()
	h.Set("Docker-Content-Digest", a.digest)
	h.Set("Etag", strconv.Quote(a.digest))
	h.Set("Content-Type", a.mediaType)
	h.Set("Content-Length", strconv.Itoa(len(raw)))
	q.w.WriteHeader(http.StatusOK)
	if q.r.Method == http.MethodHead {
		return
	}
	_, _ = q.w.Write(raw)
	a.pulled = time.Now()
	repo.pulls++
	if t := repo.tag(q.last); t != nil {
		t.pulled = a.pulled
	}
	s.tell("PULL_ARTIFACT", q.who.name(), repo, a, q.last)
}

// known is the artifact that is asked for; nil when it has answered that there
// is none.
func (s *Server) known(q question) (*repository, *artifact) {
	repo := q.p.repo(q.name)
	full := q.p.name + "/" + q.name
	if repo != nil {
		if a := repo.artifact(q.last); a != nil {
			return repo, a
		}
	}
	switch {
	case digestGrammar.MatchString(q.last):
		refuse(q.w, http.StatusNotFound, "NOT_FOUND", fmt.Sprintf("artifact %s@%s not found", full, q.last))
	case repo == nil:
		refuse(q.w, http.StatusNotFound, "NOT_FOUND", fmt.Sprintf("repository %s not found", full))
	default:
		refuse(q.w, http.StatusNotFound, "NOT_FOUND", fmt.Sprintf("artifact %s:%s not found", full, q.last))
	}
	return nil, nil
}

func accepts(r *http.Request, mediaType string) bool {
	for _, line := range r.Header["Accept"] {
		for part := range strings.SplitSeq(line, ",") {
			kind, _, _ := strings.Cut(strings.TrimSpace(part), ";")
			if kind == mediaType {
				return true
			}
		}
	}
	return false
}

// raw is a manifest's bytes and the storage's status.
func (s *Server) raw(repo *repository, a *artifact) ([]byte, int) {
	r := inside(http.MethodGet, "/v2/"+repo.full()+"/manifests/"+a.digest, nil)
	rec, _ := s.storage(r)
	return rec.Body.Bytes(), rec.Code
}

// pushManifest stores under the digest; tags are in the database only.
func (s *Server) pushManifest(q question) {
	repo := q.p.repo(q.name)
	tagged := !digestGrammar.MatchString(q.last)
	if repo != nil && tagged && repo.tag(q.last) != nil && q.p.locked(q.last) {
		refuse(q.w, http.StatusPreconditionFailed, "PRECONDITION", fmt.Sprintf("Failed to process request due to '%s:%s' configured as immutable.", q.name, q.last))
		return
	}
	raw, err := io.ReadAll(q.r.Body)
	var m manifest
	if err != nil || json.Unmarshal(raw, &m) != nil {
		refuse(q.w, http.StatusBadRequest, "MANIFEST_INVALID", "manifest invalid")
		return
	}
	dgst := digest.FromBytes(raw).String()
	if !tagged && q.last != dgst {
		refuse(q.w, http.StatusBadRequest, "DIGEST_INVALID", "provided digest did not match uploaded content")
		return
	}
	r := inside(http.MethodPut, "/v2/"+q.p.name+"/"+q.name+"/manifests/"+dgst, raw)
	r.Header.Set("Content-Type", q.r.Header.Get("Content-Type"))
	if rec, ok := s.storage(r); !ok {
		for name, values := range rec.Header() {
			q.w.Header()[name] = values
		}
		q.w.WriteHeader(rec.Code)
		_, _ = q.w.Write(rec.Body.Bytes())
		return
	}
	repo = s.ensureRepo(q.p, q.name)
	a := s.ensureArtifact(repo, dgst, q.r.Header.Get("Content-Type"), m, int64(len(raw)))
	tagName := ""
	if tagged {
		tagName = q.last
		s.point(repo, tagName, a)
		signature(tagName, a)
	}
	q.w.Header().Set("Docker-Content-Digest", dgst)
	q.w.Header().Set("Location", s.URL+"/v2/"+repo.full()+"/manifests/"+dgst)
	q.w.WriteHeader(http.StatusCreated)
	s.tell("PUSH_ARTIFACT", q.who.name(), repo, a, tagName)
}

func (s *Server) ensureRepo(p *project, name string) *repository {
	repo := p.repo(name)
	if repo == nil {
		repo = &repository{id: s.id(), project: p, name: name, created: time.Now(), blobs: map[string]bool{}}
		p.repos = append(p.repos, repo)
	}
	repo.updated = time.Now()
	return repo
}

func (s *Server) ensureArtifact(repo *repository, dgst, mediaType string, m manifest, size int64) *artifact {
	a := repo.artifact(dgst)
	if a == nil {
		a = &artifact{id: s.id(), digest: dgst, mediaType: mediaType}
		repo.artifacts = append(repo.artifacts, a)
	}
	repo.project.blobs[dgst] = size
	a.pushed, a.lost = time.Now(), false
	a.size = size + m.Config.Size
	for _, layer := range m.Layers {
		a.size += layer.Size
	}
	a.children = nil
	for _, child := range m.Manifests {
		a.children = append(a.children, child.Digest)
		if held := repo.artifact(child.Digest); held != nil {
			a.size += held.size
		}
	}
	if m.Subject != nil {
		a.subject, a.accessory = m.Subject.Digest, accessoryType(m)
	}
	if repo.project.metadata["auto_scan"] == "true" && a.subject == "" {
		a.scan = &Scan{Status: "Pending"}
	}
	return a
}

// point moves a tag; the artifact that had it stays.
func (s *Server) point(repo *repository, name string, a *artifact) {
	t := repo.tag(name)
	if t == nil {
		t = &tag{id: s.id(), name: name}
		repo.tags = append(repo.tags, t)
	}
	t.artifact, t.pushed = a, time.Now()
}

// deleteManifest knows no tags.
func (s *Server) deleteManifest(q question) {
	if !digestGrammar.MatchString(q.last) {
		refuse(q.w, http.StatusBadRequest, "UNSUPPORTED", fmt.Sprintf("unsupported digest %s: invalid checksum digest format", q.last))
		return
	}
	repo, a := s.known(q)
	if a == nil {
		return
	}
	if s.forbidsRemoval(q.w, repo, a) {
		return
	}
	tag := repo.firstTag(a)
	repo.remove(a)
	q.w.WriteHeader(http.StatusAccepted)
	s.tell("DELETE_ARTIFACT", q.who.name(), repo, a, tag)
}

// forbidsRemoval answers when an artifact has a tag that must stay.
func (s *Server) forbidsRemoval(w http.ResponseWriter, repo *repository, a *artifact) bool {
	for _, t := range repo.tagsOf(a) {
		if repo.project.locked(t.name) {
			refuse(w, http.StatusPreconditionFailed, "PRECONDITION", fmt.Sprintf("artifact %s:%s cannot be deleted as it is configured as immutable", repo.name, t.name))
			return true
		}
	}
	return false
}
