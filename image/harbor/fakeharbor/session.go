package fakeharbor

import (
	"bytes"
	"crypto/rand"
	"io"
	"net/http"
	"net/url"
	"slices"
)

// Names of the portal's login.
const (
	sidCookie  = "sid"
	csrfCookie = "_gorilla_csrf"
	csrfHeader = "X-Harbor-CSRF-Token"
)

// ofSession is who has logged in with the session of a request; nil for nobody. The state
// is locked.
func (s *Server) ofSession(r *http.Request) *user {
	c, err := r.Cookie(sidCookie)
	if err != nil {
		return nil
	}
	return s.sessions[c.Value]
}

// EndSessions makes Harbor forget all sessions, as when redis is emptied, or their time
// is over. It returns how many there were.
func (s *Server) EndSessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.sessions)
	clear(s.sessions)
	return n
}

// Sessions is how many people have logged in and not out.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// isPortal reports whether a path is of core's pages.
func isPortal(path string) bool { return path == "/c/login" || path == "/c/log_out" }

// portalLogin is the answer to the portal's form, which is made without the lock, as it
// may take its time. Whatever comes without the token of an earlier answer is refused.
func (s *Server) portalLogin(r *http.Request) (*user, bool) {
	cookie, err := r.Cookie(csrfCookie)
	s.mu.Lock()
	known := err == nil && slices.Contains(s.csrf, cookie.Value) && r.Header.Get(csrfHeader) == "token of "+cookie.Value
	s.mu.Unlock()
	if !known {
		return nil, false
	}
	form, err := url.ParseQuery(bodyOf(r))
	if err != nil {
		return nil, false
	}
	u, pause := s.login(form.Get("principal"), form.Get("password"))
	sleep(r, pause)
	if u != nil {
		s.mu.Lock()
		u.arriving = false
		s.mu.Unlock()
	}
	return u, true
}

// servePortal answers what is of core's pages; the state is locked.
func (s *Server) servePortal(w http.ResponseWriter, r *http.Request, who *identity) {
	switch {
	case r.URL.Path == "/c/log_out":
		if c, err := r.Cookie(sidCookie); err == nil {
			delete(s.sessions, c.Value)
		}
	case r.Method != http.MethodPost:
		cookie := rand.Text()
		s.csrf = append(s.csrf, cookie)
		http.SetCookie(w, &http.Cookie{Name: csrfCookie, Value: cookie, Path: "/", HttpOnly: true})
		w.Header().Set(csrfHeader, "token of "+cookie)
		w.WriteHeader(http.StatusNotFound)
	case who.formRefused:
		refuse(w, http.StatusForbidden, "FORBIDDEN", "CSRF token invalid")
	case who.user == nil:
		w.WriteHeader(http.StatusUnauthorized)
	case s.o.AuthMode == "oidc_auth" && !who.user.Local:
		reply(w, http.StatusForbidden, object{"redirect_location": s.URL + "/c/oidc/login"})
	default:
		id := rand.Text()
		s.sessions[id] = who.user
		http.SetCookie(w, &http.Cookie{Name: sidCookie, Value: rand.Text(), Path: "/", HttpOnly: true}) // of before the login
		http.SetCookie(w, &http.Cookie{Name: sidCookie, Value: id, Path: "/", HttpOnly: true})
	}
}

// bodyOf reads a request's body, and leaves it there.
func bodyOf(r *http.Request) string {
	text, _ := io.ReadAll(r.Body) // it is in memory
	r.Body = io.NopCloser(bytes.NewReader(text))
	return string(text)
}
