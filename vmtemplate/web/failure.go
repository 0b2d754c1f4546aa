package web

import (
	"context"
	"errors"
	"net/http"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/web/bench"
	"github.com/jrun-hpc/jrun/vmtemplate/web/desk"
)

// failure is an answer that something cannot be done.
type failure struct {
	Error string   `json:"error"` // a kind that the page decides by
	Text  string   `json:"text"`
	Why   string   `json:"why,omitempty"`
	Next  []string `json:"next,omitempty"`
}

// kinds are those that the page decides by, and the status that goes with each.
var kinds = []struct {
	err    error
	name   string
	status int
	text   message.Text // for what comes without words of its own; may be empty
}{
	{flow.ErrNoLogin, "no-login", http.StatusConflict, message.Of("web.failure.no-login")},
	{flow.ErrWrongLogin, "wrong-login", http.StatusConflict, message.Text{}},
	{flow.ErrLocked, "locked", http.StatusConflict, message.Text{}},
	{flow.ErrUnreachable, "unreachable", http.StatusBadGateway, message.Of("web.failure.unreachable")},
	{flow.ErrForbidden, "forbidden", http.StatusForbidden, message.Text{}},
	{flow.ErrNotFound, "not-found", http.StatusNotFound, message.Text{}},
	{flow.ErrImmutable, "immutable", http.StatusConflict, message.Text{}},
	{flow.ErrNoSpace, "no-space", http.StatusInsufficientStorage, message.Text{}},
	{flow.ErrInUse, "in-use", http.StatusConflict, message.Of("web.failure.in-use")},
	{desk.ErrTyped, "typed", http.StatusConflict, message.Of("web.failure.typed")},
	{desk.ErrEnded, "no-shell", http.StatusConflict, message.Of("web.failure.no-shell")},
	{bench.ErrNoShell, "no-shell", http.StatusConflict, message.Of("web.failure.no-shell")},
	{bench.ErrRequest, "request", http.StatusBadRequest, message.Text{}},
	{bench.ErrMissing, "missing", http.StatusNotFound, message.Text{}},
	{bench.ErrExists, "exists", http.StatusConflict, message.Text{}},
	{bench.ErrNotFile, "not-file", http.StatusConflict, message.Text{}},
	{bench.ErrNoRoom, "no-room", http.StatusInsufficientStorage, message.Text{}},
	{bench.ErrIncomplete, "incomplete", http.StatusBadRequest, message.Text{}},
	{bench.ErrMember, "member", http.StatusConflict, message.Text{}},
	{bench.ErrUnsupported, "unsupported", http.StatusNotImplemented, message.Text{}},
}

// fail answers with an error, in the page's language.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // nobody waits for it
	}
	f, status := s.words(r).failure(err)
	writeJSON(w, status, f)
}

// failure is an error in words, and the status that goes with it.
func (w words) failure(err error) (failure, int) {
	f, status := failure{Error: "failed", Text: w.Cause(err)}, http.StatusInternalServerError
	for _, kind := range kinds {
		if errors.Is(err, kind.err) {
			f.Error, status = kind.name, kind.status
			if !kind.text.Empty() {
				f.Text = w.say(kind.text)
			}
			break
		}
	}
	var known *message.Error
	if errors.As(err, &known) {
		f.Text = w.say(known.What)
		if known.Why != nil {
			f.Why = w.Cause(known.Why)
		}
		f.Next = w.all(known.Next)
	}
	return f, status
}
