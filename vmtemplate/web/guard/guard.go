package guard

import (
	"context"
	"crypto/rand"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options of a Guard.
type Options struct {
	// Hosts are the names by which the page may be called, beside those of loopback
	// addresses. Ports do not matter: ssh -L changes them.
	Hosts []string
	// Secure: the page is served with TLS.
	Secure bool
	// Owner may log in with the registry's password, which Login checks; nobody if it is
	// empty.
	Owner string
	Login func(ctx context.Context, user, password string) error
	// Sessions is the file that remembers who is logged in, so that a restart of jbuild web
	// logs nobody out; empty: they are forgotten. Where somebody else can take the port
	// while nothing serves, they must be.
	Sessions string
	Now      func() time.Time
}

// Guard decides who may do what. It may be used by several goroutines.
type Guard struct {
	o      Options
	origin *http.CrossOriginProtection

	mu          sync.Mutex
	invitations map[[32]byte]time.Time // hash of each, and until when it works
	sessions    []session
	trying      bool // a login is under way
	failures    int
	notBefore   time.Time // of the next login
}

// New makes a guard and reads what it remembers.
func New(o Options) (*Guard, error) {
	g := &Guard{o: o, origin: http.NewCrossOriginProtection(), invitations: map[[32]byte]time.Time{}}
	return g, g.recall()
}

// Wrap refuses what no page of ours sends, before anything is done, and has answers say
// what a browser may do with them.
func (g *Guard) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protect(w.Header(), g.o.Secure)
		if !g.isOurs(r.Host) {
			http.Error(w, "this page is not called "+safe(r.Host)+" here: open it as http://127.0.0.1 or by the name that its owner has given it", http.StatusMisdirectedRequest)
			return
		}
		if err := g.origin.Check(r); err != nil || isUpgrade(r) && !sameOrigin(r) {
			http.Error(w, "another page has sent this request", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// safe is a Host for an answer: what is no name is not repeated.
func safe(host string) string {
	if len(host) > 100 || strings.ContainsFunc(host, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(".-:[]", r)
	}) {
		return "so"
	}
	return host
}

// isOurs reports whether a Host header names this page.
func (g *Guard) isOurs(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	return host == "localhost" || host == "127.0.0.1" || host == "::1" ||
		slices.ContainsFunc(g.o.Hosts, func(ours string) bool { return strings.EqualFold(host, ours) })
}

func isUpgrade(r *http.Request) bool { return r.Header.Get("Upgrade") != "" }

// sameOrigin reports whether a page of this very origin asks. Browsers send Origin with
// every WebSocket; other programs need not be let in.
func sameOrigin(r *http.Request) bool {
	origin, err := url.Parse(r.Header.Get("Origin"))
	return err == nil && origin.Host != "" && strings.EqualFold(origin.Host, r.Host)
}

// Nonce is what a style sheet of this answer must carry to be used.
func Nonce(w http.ResponseWriter) string {
	policy := w.Header().Get("Content-Security-Policy")
	_, rest, _ := strings.Cut(policy, "'nonce-")
	nonce, _, _ := strings.Cut(rest, "'")
	return nonce
}

// protect says what a browser may do with an answer.
func protect(h http.Header, secure bool) {
	h.Set("Content-Security-Policy", strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self' 'nonce-" + rand.Text() + "'", "connect-src 'self'",
		"img-src 'self' data:", "font-src 'self'", "manifest-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
	}, "; "))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer") // an invitation stands in an address
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
	h.Set("Cache-Control", "no-store")
	if secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}
