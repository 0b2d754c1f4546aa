package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/web/desk"
)

// TestQuiet: neither with a request under way, nor with a shell, nor with work.
func TestQuiet(t *testing.T) {
	d := desk.New(time.Now)
	s := New(Options{Desk: d})
	want := func(when string, want bool) {
		t.Helper()
		if _, ok := s.quiet(); ok != want {
			t.Errorf("%s: %v", when, ok)
		}
	}
	want("at the beginning", true)
	s.count(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { want("during a request", false) })).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	want("after it", true)
	_ = d.Shell(t.Context(), func(context.Context, flow.Console) error { want("with a shell", false); return nil })
	_ = d.Work(t.Context(), message.Text{}, func(context.Context, func(flow.Progress)) error { want("at work", false); return nil })
	want("at the end", true)
	if err := s.Idle(t.Context(), time.Nanosecond); err != nil {
		t.Errorf("it was not idle: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Idle(ctx, time.Hour); err == nil {
		t.Error("it was idle for an hour")
	}
	s.Wait(t.Context())
}
