package harbor

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Harbor computes a password's hash anew for each request that brings one: 600,000
// rounds of PBKDF2, some 90 ms of a processor. A session brings the result instead.
// This is how its portal logs in (controllers/base.go, middleware/csrf); robots cannot.
const (
	loginPath  = "/c/login"
	logoutPath = "/c/log_out"

	sessionCookie   = "sid"
	csrfCookie      = "_gorilla_csrf"
	csrfTokenHeader = "X-Harbor-CSRF-Token" //nolint:gosec // a name
)

const (
	// sessionAfter is how many questions are asked with the password before a session is
	// worth its three requests: most commands ask fewer.
	sessionAfter = 8
	// sessionLife bounds for how long what Harbor remembers of the account (that it is
	// an administrator, its groups) is believed.
	sessionLife = 10 * time.Minute
	// refusedFor is for how long a refused login is not tried again, by whoever waited
	// for the same.
	refusedFor = 10 * time.Second
)

// session is the login that all copies of a client share. It is in memory alone.
type session struct {
	mu      sync.Mutex
	asked   int       // questions that were asked with the password
	id      string    // the cookie's value; empty for none
	opened  time.Time // when
	none    bool      // this account, or this Harbor, has none
	refusal error     // of the last login
	refused time.Time // when that was
}

// alike are the paths below apiRoot whose answer is the same for all who get one, and
// 401 for nobody. Somebody whose session has ended is nobody to Harbor: a list of
// projects would then be that of the public ones, with status 200, and nobody would see
// that the others are missing. So those lists are not among them.
var alike = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^` + regexp.QuoteMeta(apiRoot) + `/(projects/[^/]+/(members|webhook/policies|immutabletagrules|artifacts)|quotas|users|usergroups|robots|retentions/[0-9]+)$`)
})

// mayUseSession reports whether q can be asked with a session: nothing that changes
// something, as Harbor wants more for that, and nothing that asks about the credential.
func (c *Client) mayUseSession(q call) bool {
	return c.session != nil && c.user != "" && !q.nobody && q.method == http.MethodGet && alike().MatchString(q.path)
}

// once asks a single time, with a session where that is possible. A session that has
// ended is opened once more. The error is an *Error when Harbor answered.
func (c *Client) once(ctx context.Context, q call) (answer, error) {
	if !c.mayUseSession(q) {
		return c.send(ctx, q, "")
	}
	id, err := c.session.use(ctx, c)
	if err != nil {
		return answer{}, err
	}
	got, err := c.send(ctx, q, id)
	if id == "" || Status(err) != http.StatusUnauthorized {
		return got, err
	}
	c.session.ended(id)
	if id, err = c.session.use(ctx, c); err != nil {
		return answer{}, err
	}
	return c.send(ctx, q, id)
}

// EndSession tells Harbor to forget the session, if there is one.
func (c *Client) EndSession(ctx context.Context) {
	if c.session == nil {
		return
	}
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	c.session.close(ctx, c)
}

// use is the session's id; empty where the password is to be used.
func (s *session) use(ctx context.Context, c *Client) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.none:
		return "", nil
	case s.refusal != nil && time.Since(s.refused) < refusedFor:
		return "", s.refusal
	case s.id != "" && time.Since(s.opened) < sessionLife:
		return s.id, nil
	case s.id == "" && s.asked < sessionAfter:
		s.asked++
		return "", nil
	}
	s.close(ctx, c)
	id, err := c.login(ctx)
	switch {
	case errors.Is(err, errNoSession):
		s.none = true
		return "", nil
	case err != nil:
		if Status(err) == http.StatusUnauthorized {
			s.refusal, s.refused = err, time.Now()
		}
		return "", err
	}
	s.id, s.opened, s.refusal = id, time.Now(), nil
	return id, nil
}

// ended forgets a session that Harbor does not know any more.
func (s *session) ended(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id == id {
		s.id = ""
	}
}

// close ends the session at Harbor; if that fails it ends there by itself.
func (s *session) close(ctx context.Context, c *Client) {
	if s.id == "" {
		return
	}
	id := s.id
	s.id = ""
	r, err := c.request(ctx, call{method: http.MethodGet, path: logoutPath, nobody: true})
	if err != nil {
		return
	}
	r.AddCookie(&http.Cookie{Name: sessionCookie, Value: id})
	if resp, err := c.http.Do(r); err == nil {
		_ = resp.Body.Close()
	}
}

// errNoSession says that there are no sessions for this account, or with this Harbor.
var errNoSession = errors.New("no session")

// login opens a session. That the password is right, and no robot's, is asked before in
// the way of the API: a login that is refused would lock the account, and Harbor says
// nothing more about it than 401.
func (c *Client) login(ctx context.Context) (id string, err error) {
	_, err = c.send(ctx, call{method: http.MethodGet, path: apiRoot + "/users/current"}, "")
	if Status(err) == http.StatusPreconditionFailed {
		return "", errNoSession // a robot
	}
	if err != nil {
		return "", err
	}
	token, cookie, err := c.csrf(ctx)
	if err != nil {
		return "", err
	}
	form := url.Values{"principal": {c.user}, "password": {c.password}}
	r, err := c.request(ctx, call{method: http.MethodPost, path: loginPath, nobody: true})
	if err != nil {
		return "", err
	}
	body := form.Encode()
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Referer", c.base.String()) // what refuses forms of other sites may want it
	r.Header.Set(csrfTokenHeader, token)
	r.AddCookie(cookie)
	resp, err := c.http.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	switch status := resp.StatusCode; {
	case status == http.StatusUnauthorized, status == http.StatusTooManyRequests, status >= http.StatusInternalServerError:
		return "", refusal(http.MethodPost, loginPath, resp)
	case status >= http.StatusMultipleChoices:
		return "", errNoSession // with OIDC people log in elsewhere
	}
	for _, set := range resp.Cookies() {
		if set.Name == sessionCookie {
			id = set.Value // the last one is the one with the account
		}
	}
	if id == "" {
		return "", errNoSession
	}
	return id, nil
}

// csrf is what a form has to bring that comes from Harbor's own page.
func (c *Client) csrf(ctx context.Context) (token string, cookie *http.Cookie, err error) {
	r, err := c.request(ctx, call{method: http.MethodGet, path: loginPath, nobody: true})
	if err != nil {
		return "", nil, err
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return "", nil, err
	}
	defer resp.Body.Close()
	for _, set := range resp.Cookies() {
		if set.Name == csrfCookie {
			cookie = set
		}
	}
	token = resp.Header.Get(csrfTokenHeader)
	switch {
	case cookie != nil && token != "":
		return token, cookie, nil
	case resp.StatusCode >= http.StatusInternalServerError, resp.StatusCode == http.StatusTooManyRequests:
		return "", nil, refusal(http.MethodGet, loginPath, resp)
	}
	return "", nil, errNoSession
}
