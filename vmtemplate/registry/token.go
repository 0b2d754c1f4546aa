package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	docker "github.com/docker/distribution/registry/client/auth/challenge"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// challenge is what a registry wants to know of who asks (RFC 9110, 11.6.1).
type challenge struct {
	scheme     string            // "", basic or bearer
	parameters map[string]string // realm, service
}

var errScheme = errors.New("it wants a kind of login that is not known here")

func readChallenge(got *Answer) (challenge, error) {
	if got.Status != http.StatusUnauthorized {
		return challenge{}, nil
	}
	all := docker.ResponseChallenges(&http.Response{StatusCode: got.Status, Header: got.Header})
	for _, scheme := range []string{"bearer", "basic"} {
		for _, c := range all {
			if c.Scheme == scheme {
				return challenge{scheme: scheme, parameters: c.Parameters}, nil
			}
		}
	}
	return challenge{}, errScheme
}

// token is one that a token service has given out.
type token struct {
	text         string
	issued, ends time.Time
	took         time.Duration // to get it
}

// What a token lives if its service does not say (distribution's specification of
// tokens), and how long before its end it is renewed: while a chunk is on the way, it
// should not end.
const (
	defaultTokenLife = 60 * time.Second
	tokenMargin      = 15 * time.Second
)

// authorized sends with a login. A token that is refused is renewed, once; then the
// login itself is refused.
func (r *Registry) authorized(ctx context.Context, q Request) (*Answer, error) {
	if q.URL.Host != r.host {
		return r.send(ctx, q, "")
	}
	for {
		r.mu.Lock()
		generation := r.generation
		r.mu.Unlock()
		got, refused, err := r.withLogin(ctx, q)
		if err != nil || refused == nil {
			return got, err
		}
		if q.Optional {
			return nil, refused
		}
		if err := r.again(ctx, q, generation, refused); err != nil {
			return nil, err
		}
	}
}

// withLogin sends with the login of now. refused is set when that is not good enough: a
// token that was issued since it began, for whichever request, is not renewed again, as
// with a wrong password every attempt locks the account.
func (r *Registry) withLogin(ctx context.Context, q Request) (got *Answer, refused *RefusalError, err error) {
	since, stale := time.Now(), ""
	for {
		a, err := r.authorization(ctx, q.Scopes, stale)
		if errors.As(err, &refused) && refused.Status == http.StatusUnauthorized {
			return nil, refused, nil
		}
		if err != nil {
			return nil, nil, err
		}
		got, err := r.send(ctx, q, a.header)
		if err != nil || got.Status != http.StatusUnauthorized {
			return got, nil, err
		}
		if a.token == nil || !a.token.issued.Before(since) {
			refused = got.refusal(q.Method, q.URL.Path)
			if a.token != nil {
				refused.checked = a.token.took
			}
			return nil, refused, nil
		}
		stale = a.header
	}
}

// authorization is what a request is sent with.
type authorization struct {
	header string
	token  *token // nil for Basic
}

// authorization is made for a request with these scopes. stale is one that was
// refused. Tokens are fetched one at a time: of several first logins of a person
// Harbor refuses all but one.
func (r *Registry) authorization(ctx context.Context, scopes []string, stale string) (authorization, error) {
	r.mu.Lock()
	c, login := r.challenge, r.login
	r.mu.Unlock()
	switch {
	case c.scheme == "":
		return authorization{}, nil
	case c.scheme == "basic" && login.User == "":
		return authorization{}, nil
	case c.scheme == "basic":
		return authorization{header: "Basic " + base64.StdEncoding.EncodeToString([]byte(login.User+":"+login.Password))}, nil
	}
	key := strings.Join(scopes, " ")
	if kept := r.kept(key, stale); kept != nil {
		return authorization{kept.header(), kept}, nil
	}
	r.fetching.Lock()
	defer r.fetching.Unlock()
	if kept := r.kept(key, stale); kept != nil {
		return authorization{kept.header(), kept}, nil
	}
	t, err := r.exchange(ctx, c, r.current(), scopes)
	if err != nil {
		return authorization{}, err
	}
	r.mu.Lock()
	r.tokens[key] = t
	r.mu.Unlock()
	return authorization{t.header(), t}, nil
}

// kept is a token that is still good, and not the stale one; or nil.
func (r *Registry) kept(key, stale string) *token {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.tokens[key]
	if t == nil || t.header() == stale || time.Until(t.ends) <= tokenMargin {
		return nil
	}
	return t
}

func (t *token) header() string { return "Bearer " + t.text }

// exchange asks the token service.
func (r *Registry) exchange(ctx context.Context, c challenge, login Login, scopes []string) (*token, error) {
	ctx, watch := watchStall(ctx, r.o.StallTimeout)
	defer watch.stop()
	r.mu.Lock()
	plain := r.base.Scheme == "http"
	r.mu.Unlock()
	options := []name.Option{name.WeakValidation}
	if plain {
		options = append(options, name.Insecure)
	}
	registry, err := name.NewRegistry(r.host, options...)
	if err != nil {
		return nil, fmt.Errorf("naming the registry %s: %w", r.host, err)
	}
	who := authn.Anonymous
	if login != (Login{}) {
		who = authn.FromConfig(authn.AuthConfig{Username: login.User, Password: login.Password, IdentityToken: login.Token})
	}
	asked := &transport.Challenge{Scheme: "bearer", Parameters: c.parameters, Insecure: plain}
	start := time.Now()
	got, err := transport.Exchange(ctx, registry, who, r.http.Transport, scopes, asked)
	if err != nil {
		return nil, r.tokenRefusal(watch.reason(err))
	}
	now := time.Now()
	t := &token{text: got.Token, issued: now, ends: now.Add(defaultTokenLife), took: now.Sub(start)}
	if t.text == "" {
		t.text = got.AccessToken
	}
	if got.ExpiresIn > 0 {
		t.ends = now.Add(time.Duration(got.ExpiresIn) * time.Second)
	}
	return t, nil
}

// tokenPath stands for the token service in errors; its address may be anything.
const tokenPath = "(token service)"

// tokenRefusal makes a RefusalError of what go-containerregistry says of an answer.
func (r *Registry) tokenRefusal(err error) error {
	var said *transport.Error
	if !errors.As(err, &said) {
		return fmt.Errorf("asking the token service of %s: %w", r.Host(), withoutQuery(err))
	}
	body := ""
	for _, d := range said.Errors {
		body += d.Message + "\n"
	}
	got := &Answer{Status: said.StatusCode, Header: http.Header{}, Body: []byte(body), secrets: r.secrets()}
	return got.refusal(http.MethodGet, tokenPath)
}

// leastSecret is how long something must be to be taken out of foreign text: a
// password of three letters would be found in every word.
const leastSecret = 4

// secrets are what must not be shown, in the forms in which it is sent.
func (r *Registry) secrets() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := []string{r.login.Password, r.login.Token, base64.StdEncoding.EncodeToString([]byte(r.login.User + ":" + r.login.Password))}
	for _, t := range r.tokens {
		all = append(all, t.text)
	}
	return slices.DeleteFunc(all, func(s string) bool { return len(s) < leastSecret })
}
