package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/harbor"
)

// Login is who one is at a registry.
type Login struct {
	User, Password string
	Token          string // an identity token in place of a password
}

// Options of a Registry. Only Access must be there.
type Options struct {
	Access image.Access

	// UserAgent tells the registry's administrator who is asking; jbuild if empty.
	UserAgent string

	// Relogin is called when the login is refused, with the reason as Explain puts
	// it. What it returns is used from then on. Nil, or an error: the refusal stands.
	Relogin func(ctx context.Context, why error) (Login, error)

	// Patience is how long accidents are waited out.
	Patience Patience

	// StallTimeout is how long nothing may move while a request or its answer is on
	// the way. 0 means DefaultStallTimeout.
	StallTimeout time.Duration

	// HarborTiming is for tests, which have no time for Harbor's pauses.
	HarborTiming harbor.Timing
}

// DefaultStallTimeout is longer than a registry behind a busy object store was seen
// to think about a layer that has been sent.
const DefaultStallTimeout = 5 * time.Minute

// Registry is one that is spoken to. It may be used by several goroutines.
type Registry struct {
	o    Options
	host string // of requests: Docker Hub has another one than its name says
	http *http.Client

	ping sync.Mutex // held by who asks /v2/

	mu         sync.Mutex
	login      Login
	generation int               // of login
	relogins   int               // how often a login was asked for
	base       *url.URL          // nil until it has answered
	reached    bool              // it has answered well
	challenge  challenge         // what it wants
	tokens     map[string]*token // by scopes
	harbor     *bool             // nil: not known

	fetching sync.Mutex // held by who asks for a token
	asking   sync.Mutex // held by who asks for a login
}

// New prepares a registry. Nothing is asked yet.
func New(o Options) *Registry {
	if o.UserAgent == "" {
		o.UserAgent = "jbuild"
	}
	if o.StallTimeout == 0 {
		o.StallTimeout = DefaultStallTimeout
	}
	o.Patience.fill()
	a := o.Access
	if a.Transport == nil {
		a.Transport = http.DefaultTransport
	}
	return &Registry{
		o: o, host: apiHost(a.Host), login: Login{User: a.User, Password: a.Password, Token: a.Token}, tokens: map[string]*token{},
		http: &http.Client{
			Transport: a.Transport,
			// A login goes nowhere but to the host that was named.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// apiHost is the host that answers for a registry.
func apiHost(host string) string {
	if host == "docker.io" {
		return "registry-1.docker.io"
	}
	return host
}

// Host is the registry's name, as references have it.
func (r *Registry) Host() string { return r.o.Access.Host }

// User is the account that requests are made with; empty for nobody.
func (r *Registry) User() string { return r.current().User }

func (r *Registry) current() Login {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.login
}

// reach finds out how the registry is spoken to, once: with TLS or, where that is
// allowed, without, and which login it wants.
func (r *Registry) reach(ctx context.Context) (*url.URL, error) {
	r.ping.Lock()
	defer r.ping.Unlock()
	r.mu.Lock()
	base, reached := r.base, r.reached
	r.mu.Unlock()
	if reached {
		return base, nil
	}
	schemes := []string{"https"}
	if r.o.Access.Plain {
		schemes = append(schemes, "http")
	}
	var failed error
	for _, scheme := range schemes {
		base := &url.URL{Scheme: scheme, Host: r.host, Path: "/"}
		got, err := r.send(ctx, Request{Method: http.MethodGet, URL: base.JoinPath("/v2/")}, "")
		if err == nil {
			return base, r.learn(base, got)
		}
		failed = errors.Join(failed, err)
		var record tls.RecordHeaderError
		if !errors.Is(err, http.ErrSchemeMismatch) && !errors.As(err, &record) {
			return nil, err
		}
	}
	return nil, failed
}

// learn reads the answer to /v2/. Registries that let nobody see it without a right
// (403, 404) are asked further; ill ones are not.
func (r *Registry) learn(base *url.URL, got *Answer) error {
	r.mu.Lock()
	r.base = base
	r.mu.Unlock()
	if passingStatus(got.Status) {
		return got.refusal(http.MethodGet, "/v2/")
	}
	c, err := readChallenge(got)
	if err != nil {
		return fmt.Errorf("reading which login %s wants: %w", r.Host(), err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reached, r.challenge = true, c
	return nil
}
