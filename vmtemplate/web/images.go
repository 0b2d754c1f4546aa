package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/jrun-hpc/jrun/printable"
	"github.com/jrun-hpc/jrun/vmtemplate/web/bench"
)

type pageShelf struct {
	Project string       `json:"project"`
	Harbor  bool         `json:"harbor"` // false: no quota, no members, no deleting
	Quota   *pageQuota   `json:"quota,omitempty"`
	Images  []pageImage  `json:"images"`
	Members []pageMember `json:"members"`
	Shares  bool         `json:"shares"` // the user may change the members
}

type pageQuota struct {
	Used  int64 `json:"used"`
	Limit int64 `json:"limit"` // 0: none
}

type pageImage struct {
	Repository  string    `json:"repository"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Tags        []pageTag `json:"tags"`
}

type pageTag struct {
	Name      string     `json:"name"`
	Reference string     `json:"reference"`
	Bytes     int64      `json:"bytes"`
	Pushed    *time.Time `json:"pushed"` // null: not known
	Pulled    *time.Time `json:"pulled"` // null: never
	Immutable bool       `json:"immutable"`
	Scan      *pageScan  `json:"scan"` // null: there is none
}

type pageScan struct {
	Status   string `json:"status"`
	Severity string `json:"severity"`
	Total    int    `json:"total"`
	Fixable  int    `json:"fixable"`
}

type pageMember struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	Role string `json:"role"`
	Own  bool   `json:"own"`
}

// serveImages lists the user's images: GET /api/images.
func (s *Server) serveImages(w http.ResponseWriter, r *http.Request) {
	shelf, err := s.o.Images.Images(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, s.words(r).shelf(shelf))
}

func (w words) shelf(shelf bench.Shelf) pageShelf {
	out := pageShelf{Project: shelf.Project, Harbor: shelf.Harbor, Shares: shelf.Shares, Images: []pageImage{}, Members: []pageMember{}}
	if shelf.Quota != nil {
		out.Quota = &pageQuota{shelf.Quota.Used, shelf.Quota.Limit}
	}
	for _, i := range shelf.Images {
		image := pageImage{i.Repository, printable.Text(i.Name), printable.Text(i.Description), []pageTag{}}
		for _, t := range i.Tags {
			tag := pageTag{Name: t.Name, Reference: t.Reference, Bytes: t.Bytes, Pushed: moment(t.Pushed), Pulled: moment(t.Pulled), Immutable: t.Immutable}
			if t.Scan != nil {
				scan := pageScan(*t.Scan)
				tag.Scan = &scan
			}
			image.Tags = append(image.Tags, tag)
		}
		out.Images = append(out.Images, image)
	}
	for _, m := range shelf.Members {
		out.Members = append(out.Members, pageMember{m.ID, printable.Text(m.Name), w.say(m.Role), m.Own})
	}
	return out
}

// moment is a time, or null where there is none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// serveDeleteTag removes a tag: DELETE /api/images/tag?repository=REPOSITORY&tag=TAG.
func (s *Server) serveDeleteTag(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	s.done(w, r, s.o.Images.DeleteTag(r.Context(), query.Get("repository"), query.Get("tag")))
}

// serveAddMember shares the project: POST /api/members {"user": NAME, "role": ROLE}.
func (s *Server) serveAddMember(w http.ResponseWriter, r *http.Request) {
	var in struct {
		User string
		Role bench.Role
	}
	if readJSON(w, r, &in) {
		s.done(w, r, s.o.Images.AddMember(r.Context(), in.User, in.Role))
	}
}

// serveRemoveMember takes that back: DELETE /api/members?id=NUMBER.
func (s *Server) serveRemoveMember(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.URL.Query().Get("id"), 10, 64)
	if err != nil {
		writeJSON(w, http.StatusBadRequest, failure{Error: "request", Text: "id is no number"})
		return
	}
	s.done(w, r, s.o.Images.RemoveMember(r.Context(), id))
}

// done answers that something has been done, or why not.
func (s *Server) done(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
