package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
)

// Request is one of the distribution specification.
type Request struct {
	Method string
	// Path begins with /v2/. Query may be nil.
	Path  string
	Query url.Values
	// URL takes the place of both: what the registry has named as a Location.
	URL *url.URL

	Header http.Header
	// Body opens what is sent, of Length bytes. It may be asked for again, after a
	// refused token.
	Body   func() (io.ReadCloser, error)
	Length int64

	// Scopes are the rights that it needs: repository:NAME:pull,push.
	Scopes []string
	// Wanted are the statuses that are no refusal.
	Wanted []int
	// Optional is a request whose refusal is no trouble: no login is asked for, and
	// nothing is found out about it.
	Optional bool
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte

	secrets []string
}

// maxAnswer bounds what is read of an answer. The largest are manifests (4 MiB by
// the specification) and pages of catalogues.
const maxAnswer = 8 << 20

// RefusalError is an answer that was not wanted.
type RefusalError struct {
	Method, Path  string // without a query
	Status        int
	Header        http.Header
	Body          []byte
	Code, Message string        // the registry's own words, fit for a terminal; may be empty
	RetryAfter    time.Duration // how long it wants to be left alone; 0 if it did not say

	// checked is how long the token service took to look at the password, shortly
	// before; 0 if it was not asked.
	checked time.Duration
	cause   *harbor.Diagnosis // once it was found out; the password is not tried again for it
}

func (e *RefusalError) Error() string {
	s := fmt.Sprintf("%s %s: %d %s", e.Method, e.Path, e.Status, http.StatusText(e.Status))
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

// Has reports whether one of the errors in the registry's answer has a code of the
// distribution specification ("Error codes"). A manifest may be refused for several.
func (e *RefusalError) Has(code string) bool {
	var said struct {
		Errors []struct {
			Code string `json:"code"`
		} `json:"errors"`
	}
	if json.Unmarshal(e.Body, &said) != nil {
		return false
	}
	for _, one := range said.Errors {
		if one.Code == code {
			return true
		}
	}
	return false
}

// refusal makes an error of an answer.
func (a *Answer) refusal(method, path string) *RefusalError {
	for _, secret := range a.secrets {
		a.Body = []byte(strings.ReplaceAll(string(a.Body), secret, "…"))
	}
	code, message := harbor.ParseError(a.Body)
	return &RefusalError{
		Method: method, Path: path, Status: a.Status, Header: a.Header, Body: a.Body, Code: code, Message: message,
		RetryAfter: retryAfter(a.Header, time.Now()),
	}
}

// retryAfter reads the header of RFC 9110, 10.2.3: seconds or a date.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// send makes the request, once, with what is given as Authorization.
func (r *Registry) send(ctx context.Context, q Request, authorization string) (*Answer, error) {
	ctx, watch := watchStall(ctx, r.o.StallTimeout)
	defer watch.stop()
	request, err := http.NewRequestWithContext(ctx, q.Method, q.URL.String(), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("making the request %s %s: %w", q.Method, q.URL.Path, err)
	}
	for name, values := range q.Header {
		request.Header[name] = values
	}
	request.Header.Set("User-Agent", r.o.UserAgent)
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	if q.Body != nil && q.Length > 0 {
		body, err := q.Body()
		if err != nil {
			return nil, err
		}
		request.Body, request.ContentLength = &watchedReader{body, watch}, q.Length
	}
	response, err := r.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", r.Host(), watch.reason(withoutQuery(err)))
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(&watchedReader{response.Body, watch}, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = errTooLong
	}
	if err != nil {
		return nil, fmt.Errorf("reading the answer to %s %s: %w", q.Method, q.URL.Path, watch.reason(err))
	}
	return &Answer{Status: response.StatusCode, Header: response.Header, Body: body, secrets: r.secrets()}, nil
}

// Do makes a request as whom one is, with a fresh token or login where the one at
// hand is refused. The error is a *RefusalError for a status that is not wanted.
func (r *Registry) Do(ctx context.Context, q Request) (*Answer, error) {
	base, err := r.reach(ctx)
	if err != nil {
		return nil, err
	}
	if q.URL == nil {
		q.URL = base.JoinPath(q.Path)
		q.URL.RawQuery = q.Query.Encode()
	}
	got, err := r.authorized(ctx, q)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(q.Wanted, got.Status) {
		return nil, got.refusal(q.Method, q.URL.Path)
	}
	return got, nil
}

// Location is where an answer says that things go on. A registry behind a proxy may
// name itself with http where TLS is spoken; that is put right. Another host is
// only gone to with TLS.
func (r *Registry) Location(got *Answer) (*url.URL, error) {
	text := got.Header.Get("Location")
	if text == "" {
		return nil, errNoLocation
	}
	r.mu.Lock()
	base := r.base
	r.mu.Unlock()
	u, err := base.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("reading the Location in the registry's answer: %w", errNoLocation)
	}
	u.User = nil
	switch {
	case u.Host == base.Host:
		u.Scheme = base.Scheme
	case u.Scheme != "https" && !r.o.Access.Plain:
		return nil, fmt.Errorf("%w: %s", errUnsafe, u.Host)
	}
	return u, nil
}
