package harbor

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Options say which Harbor is asked, and as whom.
type Options struct {
	// Base is where Harbor is: https://harbor.example. A path in it is kept.
	Base *url.URL
	// HTTP brings the TLS configuration, proxies and timeouts. Its cookies and
	// its idea of redirects are not used. Nil is a client that verifies TLS.
	HTTP *http.Client
	// User and Password are sent with Basic; without User nobody is logged in.
	User, Password string
	// Session lets the client log in as Harbor's portal does, after some questions: who
	// asks thousands pays for the password once. Only reading goes that way, and nothing
	// whose answer would be another one for nobody. End it with EndSession.
	Session bool
	// UserAgent shows up in Harbor's logs and audit trail.
	UserAgent string
	// RetryDelay is the first pause before a request is repeated; each further
	// one is twice as long. Half a second if zero.
	RetryDelay time.Duration
	// RetryTotal bounds the sum of all pauses of one call. 15 seconds if zero,
	// which outlasts a restart of nginx or core, but no update. Negative: ask once.
	RetryTotal time.Duration
}

// Client asks one Harbor as one user. It may be used by several goroutines.
type Client struct {
	base           *url.URL
	http           *http.Client
	user, password string
	agent          string
	delay, total   time.Duration
	session        *session // nil: none is wanted
}

// Defaults of Options.
const (
	retryDelay = 500 * time.Millisecond
	retryTotal = 15 * time.Second
	agent      = "jrun"
)

// New makes a client. It asks nothing yet.
func New(o Options) *Client {
	c := &Client{base: o.Base, user: o.User, password: o.Password, agent: o.UserAgent, delay: o.RetryDelay, total: o.RetryTotal}
	if c.agent == "" {
		c.agent = agent
	}
	if c.delay == 0 {
		c.delay = retryDelay
	}
	if c.total == 0 {
		c.total = retryTotal
	}
	if o.Session {
		c.session = &session{}
	}
	own := http.Client{}
	if o.HTTP != nil {
		own = *o.HTTP
	}
	own.Jar = nil // a POST with Harbor's session cookie is 403, even with Basic; see session.go
	// A password goes nowhere but to the Harbor that was named.
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.http = &own
	return c
}

// User is the account that the client asks as; empty for nobody.
func (c *Client) User() string { return c.user }

// nobody is c without its credential.
func (c *Client) nobody() *Client {
	other := *c
	other.user, other.password, other.session = "", "", nil
	return &other
}

// address is the URL of an escaped path below Base.
func (c *Client) address(path string, query url.Values) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSuffix(c.base.String(), "/") + path)
	if err != nil {
		return nil, err
	}
	u.RawQuery = query.Encode()
	return u, nil
}

// apiRoot is where the REST API begins.
const apiRoot = "/api/v2.0"

// projectPath is the path of a project. Its name is never taken for an id,
// because every request says X-Is-Resource-Name.
func projectPath(project string) string {
	return apiRoot + "/projects/" + url.PathEscape(project)
}

// repositoryPath is the path of a repository, whose name within the project
// may have slashes. nginx decodes it once, Harbor once more.
func repositoryPath(project, repository string) string {
	return projectPath(project) + "/repositories/" + url.PathEscape(url.PathEscape(repository))
}

// artifactPath is the path of an artifact; reference is a tag or a digest.
func artifactPath(project, repository, reference string) string {
	return repositoryPath(project, repository) + "/artifacts/" + url.PathEscape(reference)
}
