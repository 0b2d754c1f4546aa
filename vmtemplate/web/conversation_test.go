package web_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/web"
	"github.com/jrun-hpc/jrun/vmtemplate/web/desk"
	"github.com/jrun-hpc/jrun/vmtemplate/web/guard"
)

// oneLogin is a registry where somebody logs in beside the session.
type oneLogin struct {
	flow.Registry
	flow.Workspaces
	user string
	err  error
}

func (o *oneLogin) Host() string { return "h.example" }

func (o *oneLogin) User(context.Context) (string, error) {
	if o.user == "" {
		return "", errors.Join(flow.ErrNoLogin, o.err)
	}
	return o.user, o.err
}

func (o *oneLogin) List(context.Context) ([]flow.Workspace, error) { return nil, o.err }

// TestConverse: a session that asks for a login finds the one that the page's door has
// taken; what ends a session does not end the page.
func TestConverse(t *testing.T) {
	printer, _ := message.For("en")
	g, err := guard.New(guard.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	d := desk.New(time.Now)
	server := web.New(web.Options{Desk: d, Guard: g, Printer: printer})
	s := serveSite(t, server, d, g)
	ctx, cancel := context.WithCancel(t.Context())
	registry := &oneLogin{}
	ended := make(chan error, 1)
	var sessions atomic.Int64
	go func() {
		ended <- server.Converse(ctx, func() *flow.Session {
			registry.err = nil
			switch sessions.Add(1) {
			case 2:
				registry.user = "taro"
			case 3:
				registry.err = errors.New("the disk is broken")
			}
			return &flow.Session{Face: d, Registry: registry, Workspaces: registry, Printer: server.Printer}
		})
	}()
	c := s.socket("/api/desk?lang=ja")
	asks := func(id string) func(part) bool {
		return func(p part) bool { return p.Question != nil && p.Question.ID == id }
	}
	s.until(c, asks("user"))
	server.LoggedIn()
	what := s.until(c, asks("what"))
	server.LoggedIn() // no login is asked for: nothing happens
	s.say(c, map[string]any{"do": "answer", "id": 1, "n": what.Question.N, "value": "quit"})
	begin := s.until(c, asks("begin"))
	if lang := server.Printer().Language(); lang != "ja" {
		t.Errorf("somebody who reads Japanese has answered, and scripts are written in %s", lang)
	}
	if n := sessions.Load(); n != 3 {
		t.Errorf("there were %d sessions", n)
	}
	s.say(c, map[string]any{"do": "answer", "id": 2, "n": begin.Question.N, "value": "again"})
	s.until(c, asks("what"))
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}
