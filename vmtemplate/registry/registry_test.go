package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

const secret = "Sekrit-passw0rd"

// tokenRegistry is a registry with a token service, for user u with the password of
// the moment.
type tokenRegistry struct {
	*httptest.Server
	password atomic.Value
	expires  int
	issued   atomic.Int64
	valid    sync.Map // tokens
	requests atomic.Int64
	refused  atomic.Int64
}

func newTokenRegistry(t testing.TB, handle http.HandlerFunc) *tokenRegistry {
	t.Helper()
	s := &tokenRegistry{expires: 300}
	s.password.Store(secret)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			s.token(w, r)
			return
		}
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if scope, ok := s.valid.Load(token); !ok || r.URL.Path != "/v2/" && !strings.Contains(fmt.Sprint(scope), "push") {
			s.refused.Add(1)
			w.Header().Set("Www-Authenticate", `Bearer realm="`+s.URL+`/token",service="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		s.requests.Add(1)
		handle(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *tokenRegistry) token(w http.ResponseWriter, r *http.Request) {
	if user, password, _ := r.BasicAuth(); user != "u" || password != s.password.Load() {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"errors":[{"code":"UNAUTHORIZED","message":"not %s"}]}`, password)
		return
	}
	text := fmt.Sprintf("token-%d", s.issued.Add(1))
	s.valid.Store(text, r.URL.Query().Get("scope"))
	fmt.Fprintf(w, `{"token":%q,"access_token":"","expires_in":%d}`, text, s.expires)
}

func (s *tokenRegistry) open(o Options) *Registry {
	o.Access = image.Access{Host: s.Listener.Addr().String(), User: "u", Password: secret, Transport: &http.Transport{}, Plain: true}
	if o.Patience.First == 0 {
		o.Patience = Patience{First: time.Millisecond, Total: 20 * time.Millisecond}
	}
	return New(o)
}

func fine(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }

func get(path string) Request {
	return Request{Method: http.MethodGet, Path: path, Scopes: []string{Scope("p/a", "pull", "push")}, Wanted: []int{http.StatusOK}}
}

// TestTokens: one token serves many requests; one that has ended is renewed, before
// it is refused if its end is known.
func TestTokens(t *testing.T) {
	s := newTokenRegistry(t, fine)
	r := s.open(Options{})
	for range 5 {
		if _, err := r.Do(context.Background(), get("/v2/p/a/tags/list")); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.issued.Load(); n != 1 {
		t.Errorf("%d tokens for five requests", n)
	}
	s.valid.Clear()
	if _, err := r.Do(context.Background(), get("/v2/p/a/tags/list")); err != nil || s.issued.Load() != 2 {
		t.Errorf("after all tokens have ended: %v, %d tokens", err, s.issued.Load())
	}
	refused := s.refused.Load()
	s.expires = 1
	s.valid.Clear()
	for range 3 {
		if _, err := r.Do(context.Background(), get("/v2/p/a/tags/list")); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.refused.Load() - refused; n != 1 {
		t.Errorf("%d requests were made with a token that had ended", n)
	}
}

// TestOneTokenForAll: requests that begin together log in once. Of several first logins
// of a person Harbor refuses all but one.
func TestOneTokenForAll(t *testing.T) {
	s := newTokenRegistry(t, fine)
	r := s.open(Options{})
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if _, err := r.Do(context.Background(), get("/v2/p/a/tags/list")); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if n := s.issued.Load(); n != 1 {
		t.Errorf("%d tokens for eight requests at once", n)
	}
}

// TestRelogin: a password that has changed is asked for once, by all that wait; then
// everything goes on.
func TestRelogin(t *testing.T) {
	s := newTokenRegistry(t, fine)
	asked := atomic.Int64{}
	r := s.open(Options{Relogin: func(_ context.Context, why error) (Login, error) {
		asked.Add(1)
		if strings.Contains(why.Error(), secret) {
			t.Errorf("the reason has the password: %v", why)
		}
		return Login{User: "u", Password: "new-Sekrit"}, nil
	}})
	s.password.Store("new-Sekrit")
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if _, err := r.Do(context.Background(), get("/v2/p/a/tags/list")); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if asked.Load() != 1 {
		t.Errorf("a login was asked for %d times", asked.Load())
	}
}

// TestReloginEnds: nobody is asked for ever.
func TestReloginEnds(t *testing.T) {
	s := newTokenRegistry(t, fine)
	asked := 0
	r := s.open(Options{Relogin: func(context.Context, error) (Login, error) {
		asked++
		return Login{User: "u", Password: "wrong-Sekrit"}, nil
	}})
	s.password.Store("other")
	_, err := r.Do(context.Background(), get("/v2/p/a/tags/list"))
	if Status(err) != http.StatusUnauthorized || asked != mostRelogins {
		t.Errorf("%v, after asking %d times", err, asked)
	}
	if text := r.Explain(context.Background(), Subject{Repository: "p/a"}, err).Error(); strings.Contains(text, "wrong-Sekrit") {
		t.Errorf("the error has the password: %s", text)
	}
	if _, err := s.open(Options{}).Do(context.Background(), Request{Method: http.MethodGet, Path: "/v2/p/a/tags/list", Optional: true}); Status(err) != http.StatusUnauthorized {
		t.Errorf("an optional request: %v", err)
	}
}

// TestPatiently: what passes is waited for, what does not is not, and Retry-After is
// kept.
func TestPatiently(t *testing.T) {
	for name, test := range map[string]struct {
		status, failures int
		retryAfter       string
		wanted           int // requests
		well             bool
	}{
		"passes":            {http.StatusServiceUnavailable, 2, "", 3, true},
		"429 with a date":   {http.StatusTooManyRequests, 1, "Thu, 01 Jan 1970 00:00:00 GMT", 2, true},
		"asks for too long": {http.StatusTooManyRequests, 1, "86400", 1, false},
		"does not pass":     {http.StatusForbidden, 1, "", 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			s := newTokenRegistry(t, func(w http.ResponseWriter, _ *http.Request) {
				if asked++; asked <= test.failures {
					w.Header().Set("Retry-After", test.retryAfter)
					w.WriteHeader(test.status)
				}
			})
			_, err := s.open(Options{}).Patiently(context.Background(), get("/v2/p/a/tags/list"))
			if asked != test.wanted || (err == nil) != test.well {
				t.Errorf("%v, after %d requests", err, asked)
			}
		})
	}
	t.Run("ends", func(t *testing.T) {
		s := newTokenRegistry(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		if _, err := s.open(Options{}).Patiently(context.Background(), get("/v2/p/a/tags/list")); Status(err) != http.StatusBadGateway {
			t.Error(err)
		}
	})
}

// TestLoginStaysHere: the login goes to no other host, and no redirect is followed.
func TestLoginStaysHere(t *testing.T) {
	var seen []string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
	}))
	defer other.Close()
	s := newTokenRegistry(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/x", http.StatusTemporaryRedirect)
	})
	r := s.open(Options{})
	q := get("/v2/p/a/blobs/x")
	q.Wanted = []int{http.StatusTemporaryRedirect}
	got, err := r.Do(context.Background(), q)
	if err != nil || len(seen) != 0 {
		t.Fatalf("%v, the other host was asked %d times", err, len(seen))
	}
	at, err := r.Location(got)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Do(context.Background(), Request{Method: http.MethodGet, URL: at, Scopes: q.Scopes, Wanted: []int{http.StatusOK}}); err != nil || len(seen) != 1 || seen[0] != "" {
		t.Errorf("%v, the other host was told %q", err, seen)
	}
}

func TestLocation(t *testing.T) {
	r := New(Options{Access: image.Access{Host: "reg.example"}})
	r.base = &url.URL{Scheme: "https", Host: "reg.example", Path: "/"}
	for text, want := range map[string]string{
		"/v2/a/blobs/uploads/1?_state=x": "https://reg.example/v2/a/blobs/uploads/1?_state=x",
		"http://reg.example/v2/a":        "https://reg.example/v2/a",
		"https://u:p@storage.example/a":  "https://storage.example/a",
		"http://storage.example/a":       "",
		"ftp://storage.example/a":        "",
		"":                               "",
		"%zz":                            "",
	} {
		got, err := r.Location(&Answer{Header: http.Header{"Location": {text}}})
		if (err != nil) != (want == "") || err == nil && got.String() != want {
			t.Errorf("%q is %v (%v)", text, got, err)
		}
	}
}

// TestPlain: without TLS nothing is sent where TLS is wanted.
func TestPlain(t *testing.T) {
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer s.Close()
	r := New(Options{Access: image.Access{Host: s.Listener.Addr().String(), User: "u", Password: secret}, Patience: Patience{First: 1, Total: 1}})
	_, err := r.Do(context.Background(), get("/v2/p/a/tags/list"))
	var told *message.Error
	if !errors.As(r.Explain(context.Background(), Subject{}, err), &told) || told.What.Name() != "registry.no-tls" || asked != 0 {
		t.Errorf("%v, after %d requests", err, asked)
	}
}

// TestIdentityToken: it is exchanged, not sent as a password.
func TestIdentityToken(t *testing.T) {
	form := make(chan url.Values, 1)
	var s *httptest.Server
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/token":
			body, _ := io.ReadAll(r.Body)
			values, _ := url.ParseQuery(string(body))
			form <- values
			io.WriteString(w, `{"access_token":"abcdef"}`)
		case r.Header.Get("Authorization") == "Bearer abcdef":
		default:
			w.Header().Set("Www-Authenticate", `Bearer realm="`+s.URL+`/token",service="s"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer s.Close()
	r := New(Options{Access: image.Access{Host: s.Listener.Addr().String(), Token: "identity-Sekrit", Plain: true}})
	if _, err := r.Do(context.Background(), get("/v2/p/a/tags/list")); err != nil {
		t.Fatal(err)
	}
	if got := <-form; got.Get("refresh_token") != "identity-Sekrit" || got.Get("grant_type") != "refresh_token" {
		t.Errorf("the token service was asked %v", got)
	}
}

func TestPassing(t *testing.T) {
	onTheWay := func(err error) error { return &url.Error{Op: "Get", URL: "x", Err: err} }
	for _, test := range []struct {
		err  error
		want bool
	}{
		{onTheWay(io.EOF), true}, {onTheWay(errors.New("malformed HTTP status code")), true}, {fmt.Errorf("x: %w", ErrStalled), true},
		{onTheWay(context.Canceled), false}, {onTheWay(http.ErrSchemeMismatch), false}, {onTheWay(&fs.PathError{Op: "read", Path: "x", Err: errors.New("x")}), false},
		{onTheWay(&net.DNSError{IsNotFound: true}), false}, {onTheWay(&net.DNSError{IsTemporary: true}), true},
		{&RefusalError{Status: 502}, true}, {&RefusalError{Status: 404}, false}, {errors.New("other"), false}, {io.ErrUnexpectedEOF, true},
	} {
		if got := Passing(test.err); got != test.want {
			t.Errorf("%v passes: %v", test.err, got)
		}
	}
}

// TestSecrets: none is in a refusal, however the registry writes it.
func TestSecrets(t *testing.T) {
	s := newTokenRegistry(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"errors":[{"code":"X","message":"%s %s %s"}]}`, secret, r.Header.Get("Authorization"), base64.StdEncoding.EncodeToString([]byte("u:"+secret)))
	})
	r := s.open(Options{})
	_, err := r.Do(context.Background(), get("/v2/p/a/tags/list"))
	var refused *RefusalError
	if !errors.As(err, &refused) {
		t.Fatal(err)
	}
	for _, text := range []string{err.Error(), string(refused.Body), r.Explain(context.Background(), Subject{Repository: "p/a"}, err).Error()} {
		if strings.Contains(text, secret) || strings.Contains(text, "token-1") || strings.Contains(text, "dTpTZWtyaXQ") {
			t.Errorf("a secret is in %q", text)
		}
	}
}

// TestEndless: an answer that never ends is given up.
func TestEndless(t *testing.T) {
	s := newTokenRegistry(t, func(w http.ResponseWriter, _ *http.Request) {
		block := make([]byte, 1<<20)
		for range 2 * maxAnswer >> 20 {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	if _, err := s.open(Options{}).Do(context.Background(), get("/v2/p/a/tags/list")); !errors.Is(err, errTooLong) {
		t.Error(err)
	}
}
