package harbor

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Question is a request to /v2 that was refused, and who made it.
type Question struct {
	// Client has the credential that was refused.
	Client *Client

	Project    string
	Repository string // within the project; may have slashes
	Reference  string // tag or digest

	// Method of the refused request. GET and HEAD may be repeated to find out
	// more, all others are a push. Empty is HEAD.
	Method string
	// Status is 0 if there was no answer in a time that should have been enough.
	Status int
	Header http.Header // nil if it is not at hand
	Body   []byte      // nil if it is not at hand, as after HEAD
	// Took is how long Harbor took to refuse, if it was asked with the password
	// itself and not with a token; zero if unknown. A refusal that took as long as
	// that of a wrong password is believed: the credential is not sent again.
	Took time.Duration

	Timing Timing
}

// Timing is what Diagnose knows of Harbor's clock. The zero value is right for
// every Harbor; tests go faster.
type Timing struct {
	// LoginDelay is how long Harbor delays the answer to a wrong password, and
	// meanwhile locks the account: 1.5 seconds, built in (core/auth/authenticator.go).
	LoginDelay time.Duration
	// DirectoryTimeout is how long Harbor tries to connect to a directory that is
	// not there at all: ldap_timeout, 5 seconds by default. For one that accepts
	// connections and then hangs it waits for ever.
	DirectoryTimeout time.Duration
	// Silence is how long Diagnose waits for each answer: 20 seconds. Harbor's
	// first one without redis takes 15.
	Silence time.Duration
	// Wait sleeps until a locked account is free again.
	Wait func(context.Context) error
}

// Diagnosis is why a request was refused.
type Diagnosis struct {
	Cause Cause
	// Code and Message are what the registry itself said, if anything.
	Code, Message string
	// Tags are some that exist, after NoTag.
	Tags []string
	// Vulnerabilities is about what a gate forbids, as far as the credential may
	// see it. Nil when it may see nothing.
	Vulnerabilities *Findings
	// Quota is the project's, after QuotaExceeded. Nil when it may not be seen.
	Quota *Usage
	// Err is what kept Diagnose from finding out, or from finding out more.
	Err error
}

// Diagnose finds out why Harbor refused. It repeats nothing that might lock the
// account, and asks with the credential at most twice after a 401. It takes a
// few requests, and after some 401s a pause of two seconds.
func Diagnose(ctx context.Context, q Question) Diagnosis {
	q.Timing.fill()
	d := &detective{q: q, left: -1}
	if q.Body != nil {
		d.found.Code, d.found.Message = ParseError(q.Body)
	}
	d.found.Cause = d.cause(ctx)
	if d.found.Cause == Passing {
		d.found.Code, d.found.Message = "", "" // of an answer that holds no more
	}
	return d.found
}

func (t *Timing) fill() {
	if t.LoginDelay == 0 {
		t.LoginDelay = 1500 * time.Millisecond
	}
	if t.DirectoryTimeout == 0 {
		t.DirectoryTimeout = 5 * time.Second
	}
	if t.Silence == 0 {
		t.Silence = 20 * time.Second
	}
	if t.Wait == nil {
		delay := t.LoginDelay
		t.Wait = func(ctx context.Context) error { return wait(ctx, lockPause(delay)) }
	}
}

// detective is a diagnosis under way.
type detective struct {
	q       Question
	found   Diagnosis
	left    int           // requests that may still be made with the credential; -1 any number
	token   string        // for asking as nobody
	noRedis bool          // Harbor is slow, so that its pace tells nothing
	usual   time.Duration // what Harbor takes for an answer that costs it nothing
}

// cause asks what can be asked by anybody, then goes by the status.
func (d *detective) cause(ctx context.Context) Cause {
	if d.q.Status == http.StatusTooManyRequests {
		return TooMany
	}
	health, got, err := d.health(ctx)
	switch {
	case err != nil:
		return d.stuck(err)
	case got.status == http.StatusTooManyRequests:
		return TooMany
	case got.status == http.StatusBadGateway, got.status == http.StatusServiceUnavailable, got.status == http.StatusGatewayTimeout:
		return CoreDown
	case got.status == http.StatusForbidden:
		// Something before Harbor, or before another registry, lets nobody ask.
		return d.stuck(got.refusal(apiRoot + "/health"))
	case len(health.Components) == 0:
		return NotHarbor
	}
	d.usual, d.noRedis = got.took, health.Unhealthy("redis")
	switch d.q.Status {
	case http.StatusUnauthorized:
		return d.unauthorized(ctx)
	case 0, http.StatusGatewayTimeout:
		return d.silent(ctx)
	}
	if d.verdict(d.q.Took) == wrong && !d.noRedis && d.reading() {
		// In a public project a wrong password gets what nobody gets, only late.
		// It must not be tried once more.
		if got, err := d.stranger(ctx, http.MethodHead); err == nil && got.status == d.q.Status {
			d.q.Client = d.q.Client.nobody()
		}
	}
	return d.byStatus(ctx, d.q.Status, d.q.Header, health)
}

// byStatus is for what is not about the login.
func (d *detective) byStatus(ctx context.Context, status int, header http.Header, health Health) Cause {
	switch {
	case status == http.StatusForbidden:
		return d.forbidden(ctx)
	case status == http.StatusNotFound:
		return d.missing(ctx)
	case status == http.StatusPreconditionFailed:
		return d.policy(ctx)
	case status == http.StatusTooManyRequests:
		return TooMany
	case status >= http.StatusInternalServerError:
		return d.broken(ctx, status, header, health)
	}
	return Unknown
}

// broken tells who behind nginx does not answer. Core's own proxy says 502 with
// nothing, when the storage registry is away; nginx says it in HTML.
func (d *detective) broken(ctx context.Context, status int, header http.Header, health Health) Cause {
	if status < http.StatusBadGateway {
		switch { // what health says is up to ten seconds old
		case health.Unhealthy("database"):
			return DatabaseDown
		case health.Unhealthy("registry"):
			return BackendDown
		}
		return Unknown
	}
	if header == nil && d.q.Body == nil && d.reading() {
		again, err := d.manifest(ctx)
		switch {
		case err != nil:
			return d.stuck(err)
		case again.status < http.StatusMultipleChoices:
			return Passing
		}
		header, d.q.Body = again.header, again.body
	}
	if strings.HasPrefix(header.Get("Content-Type"), "text/html") || strings.HasPrefix(strings.TrimSpace(string(d.q.Body)), "<") {
		return CoreDown
	}
	return BackendDown
}

// stuck is when an accident keeps us from finding out.
func (d *detective) stuck(err error) Cause {
	d.found.Err = err
	return Unknown
}

// reading reports whether the refused request may be repeated.
func (d *detective) reading() bool {
	return d.q.Method == "" || d.q.Method == http.MethodGet || d.q.Method == http.MethodHead
}

// validName is distribution's grammar of a repository's name. Harbor answers 401
// to all others ("un-recognized request"). It is compiled when it is needed:
// every rank of every job starts with this package.
var validName = sync.OnceValue(func() *regexp.Regexp {
	const part = `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
	return regexp.MustCompile(`^` + part + `(/` + part + `)+$`)
})

func (d *detective) name() string { return d.q.Project + "/" + d.q.Repository }
