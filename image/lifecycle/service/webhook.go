package service

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// WebhookPath is where Harbor posts to.
const WebhookPath = "/v1/webhook"

// mostBody bounds a webhook, in bytes. Harbor's have some kilobytes.
const mostBody = 1 << 20

// Outcomes of webhooks, for the metrics.
const (
	hookNoted     = "noted"
	hookNothing   = "nothing" // it is about no repository
	hookRefused   = "refused" // without the secret
	hookTooLarge  = "too_large"
	hookMalformed = "malformed"
)

// webhook notes where to look. It is answered at once: Harbor waits for it.
func (s *Service) webhook(w http.ResponseWriter, r *http.Request) {
	if !same(r.Header.Get("Authorization"), s.o.WebhookSecret) {
		s.o.Metrics.webhook(hookRefused)
		if n, ok := s.refused.tell(s.o.Now()); ok {
			s.o.Log.Warn("webhooks without the right secret", "from", r.RemoteAddr, "since_last", n)
		}
		w.Header().Set("Connection", "close") // the body is not read
		http.Error(w, "unauthorized", http.StatusUnauthorized)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		s.o.Metrics.webhook(hookTooLarge)
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		s.o.Metrics.webhook(hookMalformed)
		http.Error(w, "the body broke off", http.StatusBadRequest)
		return
	}
	about, ok, err := parseEvent(body)
	switch {
	case err != nil:
		s.o.Metrics.webhook(hookMalformed)
		http.Error(w, "no JSON", http.StatusBadRequest)
		return
	case !ok || !s.o.Mirror.Mark(about):
		s.o.Metrics.webhook(hookNothing)
	default:
		s.o.Metrics.webhook(hookNoted)
	}
	w.WriteHeader(http.StatusNoContent)
}

// same compares secrets in a time that does not depend on them.
func same(got, want string) bool {
	a, b := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// withToken lets only those in who have the token, if there is one.
func (s *Service) withToken(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.o.MetricsToken != "" && !same(r.Header.Get("Authorization"), "Bearer "+s.o.MetricsToken) {
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// rarely says when to log what may happen very often.
type rarely struct {
	every time.Duration
	mu    sync.Mutex
	last  time.Time
	n     int
}

func newRarely(every time.Duration) *rarely { return &rarely{every: every} }

// tell counts, and reports whether to log now, and how many there were since.
func (r *rarely) tell(now time.Time) (n int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	if !r.last.IsZero() && now.Sub(r.last) < r.every {
		return 0, false
	}
	n, r.n, r.last = r.n, 0, now
	return n, true
}
