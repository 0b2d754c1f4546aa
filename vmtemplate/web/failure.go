package web

import (
	"context"
	"errors"
	"net/http"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
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
}{
	{flow.ErrNoLogin, "no-login", http.StatusConflict},
	{flow.ErrWrongLogin, "wrong-login", http.StatusConflict},
	{flow.ErrLocked, "locked", http.StatusConflict},
	{flow.ErrUnreachable, "unreachable", http.StatusBadGateway},
	{flow.ErrForbidden, "forbidden", http.StatusForbidden},
	{flow.ErrNotFound, "not-found", http.StatusNotFound},
	{flow.ErrImmutable, "immutable", http.StatusConflict},
	{flow.ErrNoSpace, "no-space", http.StatusInsufficientStorage},
	{flow.ErrInUse, "in-use", http.StatusConflict},
}

// fail answers with an error, in the page's language.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // nobody waits for it
	}
	p := s.words(r)
	f, status := failure{Error: "failed", Text: p.Cause(err)}, http.StatusInternalServerError
	for _, kind := range kinds {
		if errors.Is(err, kind.err) {
			f.Error, status = kind.name, kind.status
			break
		}
	}
	var known *message.Error
	if errors.As(err, &known) {
		f.Text = p.say(known.What)
		if known.Why != nil {
			f.Why = p.Cause(known.Why)
		}
		f.Next = p.all(known.Next)
	}
	writeJSON(w, status, f)
}
