package fakeharbor

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// copyArtifact copies within Harbor, as measured: a missing source is 400; what does
// not fit into the quota is 403 before anything is written; once more is 201, and
// brings the tags that are new.
func (s *Server) copyArtifact(c apiCall, p *project) {
	from := c.r.URL.Query().Get("from")
	name, reference, ok := strings.Cut(from, "@")
	if !ok {
		name, reference, ok = strings.Cut(from, ":")
	}
	projectName, rest, nested := strings.Cut(name, "/")
	if !ok || !nested {
		c.badRequest("invalid artifact reference %s", from)
		return
	}
	source := s.project(projectName)
	if source != nil && !s.may(c.who, source, "artifact", "read") {
		c.forbid()
		return
	}
	var repo *repository
	var a *artifact
	if source != nil {
		repo = source.repo(rest)
	}
	if repo != nil {
		a = repo.artifact(reference)
	}
	if a == nil {
		c.badRequest("artifact %s not found", from)
		return
	}
	blobs := map[string]int64{}
	s.blobsOf(repo, a, blobs)
	if s.overfull(c, p, blobs) {
		return
	}
	to := s.ensureRepo(p, c.repository())
	s.copyDeeply(repo, a, to)
	for d, size := range blobs {
		to.blobs[d], p.blobs[d] = true, size
	}
	for _, t := range repo.tagsOf(a) {
		if have := to.tag(t.name); have == nil || have.artifact.digest != a.digest {
			s.point(to, t.name, to.artifact(a.digest))
		}
	}
	c.created(1) // measured: whatever it is
	s.tell("PUSH_ARTIFACT", c.who.name(), to, to.artifact(a.digest), to.firstTag(to.artifact(a.digest)))
}

// blobsOf are an artifact's manifest and blobs, and those of what it holds.
func (s *Server) blobsOf(repo *repository, a *artifact, blobs map[string]int64) {
	raw, _ := s.raw(repo, a)
	var m manifest
	if json.Unmarshal(raw, &m) != nil {
		return
	}
	blobs[a.digest] = int64(len(raw))
	for _, d := range append(m.Layers, m.Config) {
		if repo.blobs[d.Digest] {
			blobs[d.Digest] = repo.project.blobs[d.Digest]
		}
	}
	for _, d := range a.children {
		if child := repo.artifact(d); child != nil {
			s.blobsOf(repo, child, blobs)
		}
	}
	for _, acc := range repo.accessories(a) {
		s.blobsOf(repo, acc, blobs)
	}
}

// overfull answers when blobs do not fit into the project.
func (s *Server) overfull(c apiCall, p *project, blobs map[string]int64) bool {
	var more int64
	for d, size := range blobs {
		if _, has := p.blobs[d]; !has {
			more += size
		}
	}
	if p.hard < 0 || p.used()+more <= p.hard {
		return false
	}
	refuse(c.w, http.StatusForbidden, "DENIED", fmt.Sprintf("adding %s of storage resource, which when updated to current usage of %s will exceed the configured upper limit of %s.",
		bytesText(more), bytesText(p.used()), bytesText(p.hard)))
	return true
}

// copyDeeply copies an artifact with what it holds and what belongs to it.
func (s *Server) copyDeeply(repo *repository, a *artifact, to *repository) {
	for _, d := range a.children {
		if child := repo.artifact(d); child != nil {
			s.copyDeeply(repo, child, to)
		}
	}
	raw, _ := s.raw(repo, a)
	var m manifest
	check(json.Unmarshal(raw, &m))
	// The storage has one place for blobs, and one for manifests per repository.
	r := inside(http.MethodPut, "/v2/"+to.full()+"/manifests/"+a.digest, raw)
	r.Header.Set("Content-Type", a.mediaType)
	_, _ = s.storage(r)
	if to.artifact(a.digest) == nil {
		s.ensureArtifact(to, a.digest, a.mediaType, m, int64(len(raw)))
		copied := to.artifact(a.digest)
		copied.subject, copied.accessory = a.subject, a.accessory
	}
	for _, acc := range slices.Clone(repo.accessories(a)) {
		s.copyDeeply(repo, acc, to)
	}
}
