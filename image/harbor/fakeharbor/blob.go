package fakeharbor

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// serveBlob knows the blobs of each repository. Parts (Range) are served.
func (s *Server) serveBlob(q question) {
	repo := q.p.repo(q.name)
	if q.r.Method != http.MethodGet && q.r.Method != http.MethodHead {
		q.w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	rec, ok := s.storage(inside(http.MethodGet, q.r.URL.Path, nil))
	switch {
	case rec.Code >= http.StatusInternalServerError:
		q.w.WriteHeader(rec.Code)
		return
	case !ok, repo == nil, !repo.blobs[q.last]:
		refuse(q.w, http.StatusNotFound, "BLOB_UNKNOWN", "blob unknown to registry")
		return
	}
	q.w.Header().Set("Docker-Content-Digest", q.last)
	q.w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(q.w, q.r, "", time.Time{}, bytes.NewReader(rec.Body.Bytes()))
}

// full refuses what goes beyond the quota.
func (s *Server) full(q question, dgst string, size int64) bool {
	used := q.p.used()
	if _, has := q.p.blobs[dgst]; has || q.p.hard < 0 || used+size <= q.p.hard {
		return false
	}
	message := fmt.Sprintf("adding %s of storage resource, which when updated to current usage of %s will exceed the configured upper limit of %s.",
		bytesText(size), bytesText(used), bytesText(q.p.hard))
	refuse(q.w, http.StatusForbidden, "DENIED", message)
	s.tellProject("QUOTA_EXCEED", q.who.name(), q.p, object{"custom_attributes": object{"Details": message}})
	return true
}

// quotaWarningPercent of the quota is when Harbor begins to warn.
const quotaWarningPercent = 85

// keep remembers what a repository has.
func (s *Server) keep(q question, dgst string, size int64) {
	repo := s.ensureRepo(q.p, q.name)
	repo.blobs[dgst] = true
	q.p.blobs[dgst] = size
	if used := q.p.used(); q.p.hard > 0 && used*100 >= q.p.hard*quotaWarningPercent {
		message := fmt.Sprintf("quota usage reach %d%%: resource storage used %s of %s", quotaWarningPercent, bytesText(used), bytesText(q.p.hard))
		s.tellProject("QUOTA_WARNING", q.who.name(), q.p, object{"custom_attributes": object{"Details": message}})
	}
}

// mount takes a blob from another repository that the same user may pull from.
// It reports whether it has answered.
func (s *Server) mount(q question, from, dgst string) bool {
	name, rest, _ := strings.Cut(from, "/")
	p := s.project(name)
	if p == nil || !s.may(q.who, p, "repository", "pull") {
		return false
	}
	repo := p.repo(rest)
	if repo == nil || !repo.blobs[dgst] {
		return false
	}
	if s.full(q, dgst, p.blobs[dgst]) {
		return true
	}
	s.keep(q, dgst, p.blobs[dgst])
	s.blobCreated(q, dgst)
	return true
}

// bytesText is how Harbor writes sizes.
func bytesText(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n), 0
	for f >= 1024 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	return fmt.Sprintf("%.1f %s", f, units[i])
}
