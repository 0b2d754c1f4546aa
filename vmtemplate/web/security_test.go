package web_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/jrun-hpc/jrun/vmtemplate/web/bench"
	"github.com/jrun-hpc/jrun/vmtemplate/web/guard"
)

// attack is a request as somebody else may have a browser, or a program, send it.
type attack struct {
	method, path, host string
	header             map[string]string
}

func (s *site) attack(a attack) *http.Response {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), a.method, s.url+a.path, strings.NewReader("{}"))
	if err != nil {
		s.Fatal(err)
	}
	r.Host = a.host
	r.Header.Set("Content-Type", "application/json")
	for name, value := range a.header {
		r.Header.Set(name, value)
	}
	answer, err := s.browser.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	return answer
}

var everything = []string{
	"/", "/job", "/api/about", "/api/texts", "/api/login", "/api/desk", "/api/screen", "/api/session", "/api/logout", "/api/bench/files", "/api/bench/file", "/api/bench/folder",
	"/api/bench/changes", "/api/bench/recipe", "/api/bench/search", "/api/images", "/api/images/tag", "/api/members", "/api/script", "/api/nothing", "/assets/nothing.js",
}

// TestOtherPages: whatever another page has the owner's browser send, with the cookie,
// nothing is done, nothing can be read, and no answer differs by what the owner has.
func TestOtherPages(t *testing.T) {
	b := &fakeBench{err: errors.New("the bench was reached")}
	s := benchSite(t, b, &fakeImages{err: b.err})
	port := s.url[strings.LastIndexByte(s.url, ':'):]
	for _, path := range everything {
		public := !strings.HasPrefix(path, "/api/") || path == "/api/about" || path == "/api/texts" || strings.HasSuffix(path, "nothing")
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"} {
			for _, site := range []string{"cross-site", "same-site"} {
				a := s.attack(attack{method, path, "", map[string]string{
					"Origin": "http://127.0.0.1:9", "Sec-Fetch-Site": site, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": "x-jbuild-session",
				}})
				name := method + " " + path + " " + site
				if a.StatusCode < 400 && (!public || method != "GET" && method != "HEAD") {
					t.Errorf("%s: %d", name, a.StatusCode)
				}
				for _, header := range []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Headers", "Timing-Allow-Origin", "Service-Worker-Allowed"} {
					if a.Header.Get(header) != "" {
						t.Errorf("%s answers with %s", name, header)
					}
				}
				for header, want := range map[string]string{
					"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
				} {
					if got := a.Header.Get(header); got != want {
						t.Errorf("%s: %s is %q", name, header, got)
					}
				}
				if policy := a.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
					t.Errorf("%s: the policy is %q", name, policy)
				}
			}
			// DNS rebinding: the page has become evil.example's own.
			if a := s.attack(attack{method, path, "evil.example" + port, map[string]string{"Origin": "http://evil.example" + port, "Sec-Fetch-Site": "same-origin", "X-Jbuild-Session": s.proof}}); a.StatusCode != http.StatusMisdirectedRequest {
				t.Errorf("%s %s by another name: %d", method, path, a.StatusCode)
			}
		}
	}
	if len(b.paths) > 0 || b.folder != "" {
		t.Errorf("the bench was asked for %q %q", b.paths, b.folder)
	}
	s.do(http.MethodGet, "/api/session", nil, http.StatusNoContent, nil) // nobody has logged the owner out
}

// TestOtherSockets: a WebSocket needs the page's origin, the cookie, and the proof.
func TestOtherSockets(t *testing.T) {
	s := newSite(t)
	both := []string{guard.Protocol, "session." + s.proof}
	for name, tt := range map[string]struct {
		origin, host string
		client       *http.Client
		protocols    []string
		want         int
	}{
		"the page's":         {s.url, "", s.browser, both, http.StatusSwitchingProtocols},
		"another site":       {"http://evil.example", "", s.browser, both, http.StatusForbidden},
		"another port":       {"http://127.0.0.1:9", "", s.browser, both, http.StatusForbidden},
		"a longer name":      {s.url + ".evil.example", "", s.browser, both, http.StatusForbidden},
		"a user in it":       {"http://" + strings.TrimPrefix(s.url, "http://") + "@evil.example", "", s.browser, both, http.StatusForbidden},
		"a file":             {"null", "", s.browser, both, http.StatusForbidden},
		"a program":          {"", "", s.browser, both, http.StatusForbidden},
		"another name":       {"http://evil.example", "evil.example", s.browser, both, http.StatusMisdirectedRequest},
		"without the proof":  {s.url, "", s.browser, both[:1], http.StatusUnauthorized},
		"without the cookie": {s.url, "", &http.Client{}, both, http.StatusUnauthorized},
	} {
		for _, path := range []string{"/api/desk", "/api/screen"} {
			c, answer, err := websocket.Dial(t.Context(), s.url+path, &websocket.DialOptions{
				HTTPClient: tt.client, Host: tt.host, HTTPHeader: http.Header{"Origin": {tt.origin}}, Subprotocols: tt.protocols,
			})
			if c != nil {
				_ = c.CloseNow()
			}
			if answer == nil || answer.StatusCode != tt.want {
				t.Errorf("%s %s: %v, %v", name, path, answer, err)
			}
		}
	}
}

// TestSocketBounds: a message that is too large ends the connection, not the server.
func TestSocketBounds(t *testing.T) {
	s := newSite(t)
	c := s.socket("/api/desk")
	s.until(c, func(part) bool { return true })
	go func() { _ = c.Write(t.Context(), websocket.MessageText, make([]byte, 1<<20)) }() // it may be cut off
	for {
		if _, _, err := c.Read(t.Context()); err != nil {
			if status := websocket.CloseStatus(err); status != websocket.StatusMessageTooBig && status != -1 {
				t.Error(err)
			}
			break
		}
	}
	s.do(http.MethodGet, "/api/session", nil, http.StatusNoContent, nil)
	s.post("/api/script", map[string]string{"command": strings.Repeat("x", 2<<20)}, http.StatusBadRequest, nil)
}

// TestTaking: whatever a file holds, and whatever it is called, no browser shows or runs
// what is taken out.
func TestTaking(t *testing.T) {
	s := benchSite(t, &fakeBench{}, &fakeImages{})
	a, _ := s.raw(http.MethodGet, "/api/bench/file?path=/root/x.html", "", s.proof, s.url)
	for header, want := range map[string]string{
		"Content-Type": "application/octet-stream", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
	} {
		if got := a.Header.Get(header); got != want {
			t.Errorf("%s is %q", header, got)
		}
	}
	if got := a.Header.Get("Content-Disposition"); !strings.HasPrefix(got, "attachment; ") {
		t.Errorf("the disposition is %q", got)
	}
	for name, err := range map[string]error{"a failure": bench.ErrNoShell, "another": errors.New("<script>alert(1)</script>")} {
		s := benchSite(t, &fakeBench{err: err}, &fakeImages{})
		a, text := s.raw(http.MethodGet, "/api/bench/file?path=/%3Cscript%3E", "", s.proof, s.url)
		if !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") || strings.Contains(text, "<") {
			t.Errorf("%s is %s %s", name, a.Header.Get("Content-Type"), text)
		}
	}
}
