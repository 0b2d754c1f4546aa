package fakeharbor

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/opencontainers/go-digest"
)

// Project is a project to be, with its rules.
type Project struct {
	Name       string
	Public     bool
	QuotaBytes int64 // none if zero
	// Severity and above may not be pulled, if it is not empty.
	Severity string
	// Signed lets only images with a cosign signature be pulled.
	Signed    bool
	NoScanner bool
	Immutable []string // patterns of tags that must not move
}

var projectName = regexp.MustCompile(`^[a-z0-9]+(?:[._-][a-z0-9]+)*$`)

// AddProject makes a project that belongs to the administrator.
func (s *Server) AddProject(p Project) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.project(p.Name) != nil || !projectName.MatchString(p.Name) {
		misuse("project %q exists, or cannot", p.Name)
	}
	hard := p.QuotaBytes
	if hard == 0 {
		hard = -1
	}
	added := s.newProject(p.Name, AdminUser, hard)
	added.scanner, added.immutable = !p.NoScanner, s.immutableRules(p.Immutable)
	for key, on := range map[string]bool{"public": p.Public, "enable_content_trust_cosign": p.Signed, "prevent_vul": p.Severity != ""} {
		added.metadata[key] = fmt.Sprint(on)
	}
	added.metadata["severity"] = p.Severity
}

// SetMetadata changes one of a project's rules.
func (s *Server) SetMetadata(project, key, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustProject(project).metadata[key] = value
}

// SetScanner gives a project a scanner, or takes it. A scanner that has been
// down for a minute is none: what was never scanned then passes the gate.
func (s *Server) SetScanner(project string, scanner bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustProject(project).scanner = scanner
}

// SetQuota changes a project's quota; -1 for none.
func (s *Server) SetQuota(project string, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustProject(project).hard = bytes
}

// SetImmutable sets the patterns of tags that must not move.
func (s *Server) SetImmutable(project string, patterns ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustProject(project).immutable = s.immutableRules(patterns)
}

// AddMember gives a user a role, or another one, and makes them known.
func (s *Server) AddMember(project, name string, role int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, u := s.mustProject(project), s.user(name)
	if u == nil || s.takeIn(u) != nil {
		misuse("there is no user %s, or it cannot be taken in", name)
	}
	p.members = slices.DeleteFunc(p.members, func(m *member) bool { return m.user == u })
	p.members = append(p.members, &member{id: s.id(), user: u, role: role})
}

// RemoveMember ends a membership.
func (s *Server) RemoveMember(project, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, u := s.mustProject(project), s.user(name)
	p.members = slices.DeleteFunc(p.members, func(m *member) bool { return m.user == u })
}

func (s *Server) mustProject(name string) *project {
	p := s.project(name)
	if p == nil {
		misuse("there is no project %s", name)
	}
	return p
}

// mustArtifact looks up project/repository and a tag or digest.
func (s *Server) mustArtifact(name, reference string) (*repository, *artifact) {
	projectName, rest, _ := strings.Cut(name, "/")
	repo := s.mustProject(projectName).repo(rest)
	if repo == nil || repo.artifact(reference) == nil {
		misuse("there is no %s:%s", name, reference)
	}
	return repo, repo.artifact(reference)
}

// Push puts an image into project/repository under a tag, and without one if
// that is empty, past all rights and rules. Webhooks hear of it.
func (s *Server) Push(name, tag string, img v1.Image) digest.Digest {
	layers, err := img.Layers()
	check(err)
	for _, layer := range layers {
		d, err := layer.Digest()
		check(err)
		r, err := layer.Compressed()
		check(err)
		blob, err := io.ReadAll(r)
		check(err)
		s.PushBlob(name, digest.Digest(d.String()), blob)
	}
	config, err := img.RawConfigFile()
	check(err)
	s.PushBlob(name, digest.FromBytes(config), config)
	return s.pushDescribed(name, tag, img)
}

// PushIndex puts an index with its images.
func (s *Server) PushIndex(name, tag string, index v1.ImageIndex) digest.Digest {
	m, err := index.IndexManifest()
	check(err)
	for _, d := range m.Manifests {
		img, err := index.Image(d.Digest)
		check(err)
		s.Push(name, "", img)
	}
	return s.pushDescribed(name, tag, index)
}

func (s *Server) pushDescribed(name, tag string, what partial.Describable) digest.Digest {
	mediaType, err := what.MediaType()
	check(err)
	raw, err := what.(interface{ RawManifest() ([]byte, error) }).RawManifest()
	check(err)
	return s.PushManifest(name, tag, string(mediaType), raw)
}

// PushBlob puts one blob.
func (s *Server) PushBlob(name string, d digest.Digest, blob []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	projectName, rest, _ := strings.Cut(name, "/")
	repo := s.ensureRepo(s.mustProject(projectName), rest)
	r := inside(http.MethodPost, "/v2/"+name+"/blobs/uploads/?digest="+d.String(), blob)
	rec := httptest.NewRecorder()
	s.backend.ServeHTTP(rec, r)
	if rec.Code != http.StatusCreated {
		misuse("pushing a blob: %d %s", rec.Code, rec.Body)
	}
	repo.blobs[d.String()] = true
	repo.project.blobs[d.String()] = int64(len(blob))
}

// PushManifest puts a manifest of any kind.
func (s *Server) PushManifest(name, tag, mediaType string, raw []byte) digest.Digest {
	var m manifest
	check(json.Unmarshal(raw, &m))
	d := digest.FromBytes(raw)
	s.mu.Lock()
	defer s.mu.Unlock()
	projectName, rest, _ := strings.Cut(name, "/")
	repo := s.ensureRepo(s.mustProject(projectName), rest)
	r := inside(http.MethodPut, "/v2/"+name+"/manifests/"+d.String(), raw)
	r.Header.Set("Content-Type", mediaType)
	rec := httptest.NewRecorder()
	s.backend.ServeHTTP(rec, r)
	if rec.Code != http.StatusCreated {
		misuse("pushing a manifest: %d %s", rec.Code, rec.Body)
	}
	a := s.ensureArtifact(repo, d.String(), mediaType, m, int64(len(raw)))
	if tag != "" {
		s.point(repo, tag, a)
		signature(tag, a)
	}
	s.tell("PUSH_ARTIFACT", AdminUser, repo, a, tag)
	return d
}

// Tag gives an artifact a name; the one that had it before keeps its digest.
func (s *Server) Tag(name, reference, tag string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, a := s.mustArtifact(name, reference)
	s.point(repo, tag, a)
}

// DeleteTag removes a name; the artifact can be pulled by digest.
func (s *Server) DeleteTag(name, tagName string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, _ := s.mustArtifact(name, tagName)
	repo.tags = slices.DeleteFunc(repo.tags, func(t *tag) bool { return t.name == tagName })
}

// DeleteArtifact removes an artifact with its tags.
func (s *Server) DeleteArtifact(name, reference string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, a := s.mustArtifact(name, reference)
	tag := repo.firstTag(a)
	repo.remove(a)
	s.tell("DELETE_ARTIFACT", AdminUser, repo, a, tag)
}

// Lose removes a manifest from the storage, but not from the database.
func (s *Server) Lose(name, reference string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, a := s.mustArtifact(name, reference)
	a.lost = true
}

// SetScan sets the state of an artifact's scan; nil for none.
func (s *Server) SetScan(name, reference string, scan *Scan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, a := s.mustArtifact(name, reference)
	if scan != nil {
		own := *scan
		scan = &own
		if scan.Status == "" {
			scan.Status = "Success"
		}
		if scan.Ended.IsZero() {
			scan.Ended = time.Now()
		}
	}
	a.scan = scan
	if scan != nil && scan.Status == "Success" {
		s.tell("SCANNING_COMPLETED", "auto", repo, a, "")
	}
}

// Sign pushes something that looks like a cosign signature.
func (s *Server) Sign(name, reference string) digest.Digest {
	s.mu.Lock()
	_, a := s.mustArtifact(name, reference)
	subject := a.digest
	s.mu.Unlock()
	raw := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":2},"layers":[],"annotations":{"of":%q}}`,
		digest.FromString("{}"), subject)
	s.PushBlob(name, digest.FromString("{}"), []byte("{}"))
	return s.PushManifest(name, strings.Replace(subject, ":", "-", 1)+".sig", "application/vnd.oci.image.manifest.v1+json", raw)
}

// Pulled is when an artifact was last pulled; zero for never.
func (s *Server) Pulled(name, reference string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, a := s.mustArtifact(name, reference)
	return a.pulled
}

func check(err error) {
	if err != nil {
		misuse("%v", err)
	}
}

// Missing reports whether a tag or digest of project/repository cannot be pulled.
func (s *Server) Missing(name, reference string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	projectName, rest, _ := strings.Cut(name, "/")
	p := s.project(projectName)
	return p == nil || p.repo(rest) == nil || p.repo(rest).artifact(reference) == nil
}
