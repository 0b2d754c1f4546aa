package vmlease

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// web asks a portal. What fails for a moment is asked again.
type web struct {
	client *http.Client
	token  string        // sent as Bearer; empty for none
	pause  time.Duration // before the second try; twice as long before each further one
}

// tries is how often a question is put, which with the pauses outlasts a restart.
const tries = 5

// newWeb makes one. Redirects are refused: a token goes nowhere but to the host that was
// named.
func newWeb(client *http.Client, token string) *web {
	own := http.Client{Timeout: time.Minute}
	if client != nil {
		own = *client
	}
	own.Jar = nil
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &web{client: &own, token: token, pause: time.Second}
}

// webError is an answer that is none.
type webError struct {
	method, path string
	status       int
	retryAfter   time.Duration
}

func (e *webError) Error() string {
	return fmt.Sprintf("%s %s: %d %s", e.method, e.path, e.status, http.StatusText(e.status))
}

// passing reports whether the same question may be answered later.
func passing(err error) bool {
	var e *webError
	var stranger *tls.CertificateVerificationError
	if !errors.As(err, &e) {
		return !errors.Is(err, errList) && !errors.As(err, &stranger)
	}
	return e.status >= 500 || e.status == http.StatusTooManyRequests || e.status == http.StatusRequestTimeout
}

// ask sends body, JSON or nil, and returns the answer's body. Only what changes nothing
// may be asked: it is repeated. Errors hold neither what was sent nor what was answered.
func (w *web) ask(ctx context.Context, method, address string, body []byte) ([]byte, error) {
	pause := w.pause
	for try := 1; ; try++ {
		answer, err := w.once(ctx, method, address, body)
		if err == nil || try == tries || !passing(err) || ctx.Err() != nil {
			return answer, err
		}
		var refused *webError
		if errors.As(err, &refused) {
			pause = max(pause, min(refused.retryAfter, time.Minute))
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, errors.Join(err, ctx.Err())
		}
		pause *= 2
	}
}

func (w *web) once(ctx context.Context, method, address string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "jadm")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if w.token != "" {
		r.Header.Set("Authorization", "Bearer "+w.token)
	}
	resp, err := w.client.Do(r)
	if err != nil {
		var failed *url.Error // which has the address, with what is in its query
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return nil, fmt.Errorf("asking %s: %w", r.URL.Host, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return nil, &webError{method, r.URL.Path, resp.StatusCode, time.Duration(seconds) * time.Second}
	}
	answer, err := io.ReadAll(&bounded{in: resp.Body, left: mostList})
	if err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", r.URL.Host, err)
	}
	return answer, nil
}
