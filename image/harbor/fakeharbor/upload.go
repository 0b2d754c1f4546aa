package fakeharbor

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
)

// upload is a session: a blob on its way.
type upload struct {
	repository string
	data       []byte
}

// The storage registry, measured with Debian's docker-registry 2.8.2 and with
// distribution 3.1.2. A Location has a state with the number of bytes, which only the
// registry can make. A PATCH that breaks off leaves what has come. 2.8 takes no state
// but that of the bytes it has, so that the session is then lost to its client, and
// does not look at Content-Range; 3 takes older states, and says how far it got.

// serveUpload starts, continues and ends uploads. The quota is looked at when
// everything has been sent.
func (s *Server) serveUpload(q question) {
	query := q.r.URL.Query()
	if q.r.Method == http.MethodPost {
		if from := query.Get("from"); from != "" && s.mount(q, from, query.Get("mount")) {
			return
		}
		s.startUpload(q)
		return
	}
	if rec, ok := s.storage(inside(http.MethodGet, "/v2/", nil)); !ok {
		q.w.WriteHeader(rec.Code)
		return
	}
	u := s.uploads[q.last]
	if u == nil || u.repository != q.p.name+"/"+q.name {
		refuse(q.w, http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
		return
	}
	if !s.o.Distribution3 && query.Get("_state") != state(q.last, len(u.data)) {
		refuse(q.w, http.StatusNotFound, "BLOB_UPLOAD_INVALID", "blob upload invalid")
		return
	}
	switch q.r.Method {
	case http.MethodGet, http.MethodHead:
		s.answerUpload(q, u, http.StatusNoContent)
	case http.MethodPatch:
		s.patchUpload(q, u)
	case http.MethodPut:
		s.endUpload(q, u, query)
	case http.MethodDelete:
		delete(s.uploads, q.last)
		q.w.WriteHeader(http.StatusNoContent)
	default:
		q.w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

// startUpload begins a session. A POST with the whole blob is allowed by the
// specification, but this registry ignores the digest and begins an upload.
func (s *Server) startUpload(q question) {
	if rec, ok := s.storage(inside(http.MethodGet, "/v2/", nil)); !ok {
		q.w.WriteHeader(rec.Code)
		return
	}
	u := &upload{repository: q.p.name + "/" + q.name}
	q.last = rand.Text()
	s.uploads[q.last] = u
	s.answerUpload(q, u, http.StatusAccepted)
}

// state stands for distribution's signed one.
func state(id string, size int) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s %d", id, size))
}

func (s *Server) answerUpload(q question, u *upload, status int) {
	h := q.w.Header()
	h.Set("Docker-Upload-UUID", q.last)
	h.Set("Location", fmt.Sprintf("%s/v2/%s/blobs/uploads/%s?_state=%s", s.URL, u.repository, q.last, url.QueryEscape(state(q.last, len(u.data)))))
	h.Set("Range", fmt.Sprintf("0-%d", max(0, len(u.data)-1)))
	q.w.WriteHeader(status)
}

func (s *Server) patchUpload(q question, u *upload) {
	from, _, _ := strings.Cut(q.r.Header.Get("Content-Range"), "-")
	if s.o.Distribution3 && from != "" && from != fmt.Sprint(len(u.data)) {
		refuse(q.w, http.StatusRequestedRangeNotSatisfiable, "RANGE_INVALID", "invalid content range")
		return
	}
	u.take(q.r)
	s.answerUpload(q, u, http.StatusAccepted)
}

// take adds what has come, all of it or not.
func (u *upload) take(r *http.Request) {
	body, err := io.ReadAll(r.Body) // of a buffer
	check(err)
	u.data = append(u.data, body...)
}

func (s *Server) endUpload(q question, u *upload, query url.Values) {
	dgst := query.Get("digest")
	if dgst == "" {
		refuse(q.w, http.StatusBadRequest, "DIGEST_INVALID", "digest missing")
		return
	}
	if !brokenOff(q.r) && s.full(q, dgst, int64(len(u.data))+q.r.ContentLength) {
		return
	}
	u.take(q.r)
	switch {
	case brokenOff(q.r):
		return // nobody hears the answer
	case digest.FromBytes(u.data).String() != dgst:
		refuse(q.w, http.StatusBadRequest, "DIGEST_INVALID", "provided digest did not match uploaded content")
		return
	}
	r := inside(http.MethodPost, "/v2/"+u.repository+"/blobs/uploads/?digest="+dgst, u.data)
	if rec, ok := s.storage(r); !ok {
		q.w.WriteHeader(rec.Code)
		return
	}
	delete(s.uploads, q.last)
	s.keep(q, dgst, int64(len(u.data)))
	s.blobCreated(q, dgst)
}

func (s *Server) blobCreated(q question, dgst string) {
	q.w.Header().Set("Location", s.URL+"/v2/"+q.p.name+"/"+q.name+"/blobs/"+dgst)
	q.w.Header().Set("Docker-Content-Digest", dgst)
	q.w.WriteHeader(http.StatusCreated)
}

type brokenKey struct{}

// withBreak marks a request whose body did not come to its end.
func withBreak(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(context.WithoutCancel(r.Context()), brokenKey{}, true))
}

func brokenOff(r *http.Request) bool { return r.Context().Value(brokenKey{}) != nil }

// isUpload reports whether a request is one that leaves something when it breaks off.
func isUpload(r *http.Request) bool {
	return (r.Method == http.MethodPatch || r.Method == http.MethodPut) && uploadPath.MatchString(r.URL.Path)
}

// SetDescription is what people read about a repository in Harbor's pages.
func (s *Server) SetDescription(name, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	project, rest, _ := strings.Cut(name, "/")
	s.mustProject(project).repo(rest).description = text
}

// SetPushed changes when an artifact and its tags were pushed.
func (s *Server) SetPushed(name, reference string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, a := s.mustArtifact(name, reference)
	a.pushed = at
	for _, t := range repo.tagsOf(a) {
		t.pushed = at
	}
}
