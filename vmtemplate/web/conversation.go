package web

import (
	"context"
	"errors"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// Converse holds the session until ctx ends: on a terminal it ends when the user leaves,
// but a page stays, so that it begins anew then. It begins when the first page has come.
// What ends a session is told, and it begins anew when the user says so. session makes one
// on the desk.
func (s *Server) Converse(ctx context.Context, session func() *flow.Session) error {
	select {
	case <-s.visited:
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		inner, again := context.WithCancel(ctx)
		s.mu.Lock()
		s.again = again
		s.mu.Unlock()
		err := session().Run(inner)
		restarted := inner.Err() != nil
		again()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case restarted:
			s.o.Desk.Clear()
		case err != nil && !errors.Is(err, flow.ErrInterrupted) && !errors.Is(err, flow.ErrBack):
			s.o.Desk.Tell(flow.FailureNotice(err))
			if err := s.waitForUser(ctx); err != nil {
				return err
			}
		}
	}
}

// waitForUser asks whether to begin anew, as often as it takes.
func (s *Server) waitForUser(ctx context.Context) error {
	for {
		_, err := s.o.Desk.Choose(ctx, flow.Choice{
			Asked:   flow.Asked{ID: "begin", Title: message.Of("web.begin")},
			Rows:    []flow.Row{{Key: "again", Cells: []message.Text{message.Of("web.begin.again")}}},
			Default: "again",
		})
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// LoggedIn tells that the registry's login is kept now. A session that asks for it begins
// anew, and finds it.
func (s *Server) LoggedIn() {
	q := s.o.Desk.Snapshot().Question
	if q == nil || q.Ask == nil || q.Ask.ID != "user" && q.Ask.ID != "password" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.again != nil {
		s.again()
	}
}
