package web

import (
	"context"
	"net/http"
	"time"
)

// count keeps account of the requests that are under way: pages hold sockets open.
func (s *Server) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		s.underWay.Add(1)
		defer func() {
			s.last.Store(time.Now().UnixNano())
			s.underWay.Add(-1)
			s.requests.Done()
		}()
		next.ServeHTTP(w, r)
	})
}

// quiet reports whether no page is open and nothing goes on, and since when no page was.
func (s *Server) quiet() (since time.Time, ok bool) {
	desk := s.o.Desk.Snapshot()
	return time.Unix(0, s.last.Load()), s.underWay.Load() == 0 && desk.Shell == 0 && desk.Work == nil
}

// Idle waits until nobody has had a page open and nothing has gone on for as long as
// that, or ctx ends.
func (s *Server) Idle(ctx context.Context, long time.Duration) error {
	for {
		since, ok := s.quiet()
		wait := long
		if ok {
			if wait = long - time.Since(since); wait <= 0 {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// Wait waits for the requests that are under way, or until ctx ends; no new ones must
// come.
func (s *Server) Wait(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.requests.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
