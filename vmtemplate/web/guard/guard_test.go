package guard

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// visit is a request by a browser, and what comes of it.
type visit struct {
	method, host string
	header       map[string]string
}

func (v visit) request() *http.Request {
	method := v.method
	if method == "" {
		method = http.MethodGet
	}
	r := httptest.NewRequest(method, "http://x/api/thing", nil)
	r.Host = v.host
	for name, value := range v.header {
		r.Header.Set(name, value)
	}
	return r
}

func newGuard(t *testing.T, o Options) *Guard {
	t.Helper()
	if o.Now == nil {
		o.Now = time.Now
	}
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// browser is logged in: cookie and proof.
func browser(t *testing.T, g *Guard) (cookie, proof string) {
	t.Helper()
	w := httptest.NewRecorder()
	proof, err := g.Redeem(w, g.Invite())
	if err != nil {
		t.Fatal(err)
	}
	c := w.Result().Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure != g.o.Secure {
		t.Errorf("the cookie is %+v", c)
	}
	return c.Name + "=" + c.Value, proof
}

// in reports whether a visit is of somebody who is logged in.
func in(g *Guard, v visit) bool {
	_, ok := g.has(v.request())
	return ok
}

func TestWrap(t *testing.T) {
	g := newGuard(t, Options{Hosts: []string{"vm1.example.ac.jp"}})
	websocket := map[string]string{"Upgrade": "websocket", "Connection": "Upgrade"}
	with := func(all map[string]string, more ...string) map[string]string {
		m := map[string]string{}
		for k, v := range all {
			m[k] = v
		}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	for name, tt := range map[string]struct {
		visit
		want int
	}{
		"loopback":                      {visit{host: "127.0.0.1:8787"}, 200},
		"loopback, version 6":           {visit{host: "[::1]:8787"}, 200},
		"another port, by ssh":          {visit{host: "localhost:9000"}, 200},
		"the VM's name":                 {visit{host: "VM1.example.ac.jp"}, 200},
		"rebinding":                     {visit{host: "evil.example:8787"}, 421},
		"rebinding, with our name in":   {visit{host: "127.0.0.1.evil.example"}, 421},
		"no host":                       {visit{host: ""}, 421},
		"an address of the VM":          {visit{host: "10.0.0.7"}, 421},
		"our page posts":                {visit{method: "POST", host: "localhost:1", header: map[string]string{"Origin": "http://localhost:1", "Sec-Fetch-Site": "same-origin"}}, 200},
		"another page posts":            {visit{method: "POST", host: "localhost:1", header: map[string]string{"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}}, 403},
		"another port's page posts":     {visit{method: "POST", host: "localhost:1", header: map[string]string{"Origin": "http://localhost:2", "Sec-Fetch-Site": "same-site"}}, 403},
		"an old browser's page posts":   {visit{method: "POST", host: "localhost:1", header: map[string]string{"Origin": "http://evil.example"}}, 403},
		"a sandboxed page posts":        {visit{method: "POST", host: "localhost:1", header: map[string]string{"Origin": "null"}}, 403},
		"another page deletes":          {visit{method: "DELETE", host: "localhost:1", header: map[string]string{"Origin": "http://evil.example"}}, 403},
		"our page opens a socket":       {visit{host: "localhost:1", header: with(websocket, "Origin", "http://localhost:1")}, 200},
		"another page opens a socket":   {visit{host: "localhost:1", header: with(websocket, "Origin", "http://evil.example")}, 403},
		"another port opens a socket":   {visit{host: "localhost:1", header: with(websocket, "Origin", "http://localhost:2")}, 403},
		"a sandbox opens a socket":      {visit{host: "localhost:1", header: with(websocket, "Origin", "null")}, 403},
		"a program opens a socket":      {visit{host: "localhost:1", header: websocket}, 403},
		"a name that would be a header": {visit{host: "x\"<script>"}, 421},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			reached := false
			g.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true })).ServeHTTP(w, tt.request())
			if w.Code != tt.want || reached != (tt.want == 200) {
				t.Errorf("status %d, reached %v", w.Code, reached)
			}
			if strings.Contains(w.Body.String(), "<") {
				t.Errorf("it says %q", w.Body)
			}
			policy := w.Header().Get("Content-Security-Policy")
			if strings.Contains(policy, "unsafe") || !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "'nonce-"+Nonce(w)+"'") || len(Nonce(w)) < 20 {
				t.Errorf("the policy is %s", policy)
			}
		})
	}
}

// TestSession: cookie and proof are needed both, whatever way they come.
func TestSession(t *testing.T) {
	for _, secure := range []bool{false, true} {
		g := newGuard(t, Options{Secure: secure})
		cookie, proof := browser(t, g)
		otherCookie, otherProof := browser(t, g)
		upgrade := map[string]string{"Upgrade": "websocket"}
		for name, tt := range map[string]struct {
			cookie, proof string
			upgrade       bool
			want          bool
		}{
			"both":                      {cookie, proof, false, true},
			"both, for a socket":        {cookie, proof, true, true},
			"the cookie alone":          {cookie, "", false, false},
			"the cookie alone, socket":  {cookie, "", true, false},
			"the proof alone":           {"", proof, false, false},
			"of two sessions":           {cookie, otherProof, false, false},
			"the other session":         {otherCookie, otherProof, false, true},
			"two cookies":               {"jbuild=x; " + cookie, proof, false, true},
			"a wrong one":               {cookie[:len(cookie)-1] + "!", proof, false, false},
			"nothing":                   {"", "", false, false},
			"both, of a thief's header": {cookie, proof + ",", false, false},
		} {
			v := visit{host: "localhost", header: map[string]string{"Cookie": tt.cookie, proofHeader: tt.proof}}
			if tt.upgrade {
				v.header = upgrade
				v.header["Cookie"], v.header["Sec-Websocket-Protocol"] = tt.cookie, Protocol+", "+protocolPrefix+tt.proof
			}
			w := httptest.NewRecorder()
			g.Require(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })).ServeHTTP(w, v.request())
			if (w.Code == 204) != tt.want || w.Code != 204 && w.Code != 401 {
				t.Errorf("%s (secure %v): status %d", name, secure, w.Code)
			}
		}
	}
}

func TestInvitation(t *testing.T) {
	now := time.Now()
	g := newGuard(t, Options{Now: func() time.Time { return now }})
	word := g.Invite()
	redeem := func(word string) error {
		_, err := g.Redeem(httptest.NewRecorder(), word)
		return err
	}
	if err := redeem(word + "x"); !errors.Is(err, ErrInvitation) {
		t.Errorf("a wrong one: %v", err)
	}
	if err := redeem(word); err != nil {
		t.Error(err)
	}
	if err := redeem(word); !errors.Is(err, ErrInvitation) {
		t.Errorf("the second time: %v", err)
	}
	word = g.Invite()
	now = now.Add(invitationLife + time.Second)
	if err := redeem(word); !errors.Is(err, ErrInvitation) {
		t.Errorf("too late: %v", err)
	}
	if err := redeem(""); !errors.Is(err, ErrInvitation) {
		t.Errorf("an empty one: %v", err)
	}
	for range 1000 {
		g.Invite()
	}
	if len(g.invitations) > mostInvitations {
		t.Errorf("%d invitations are kept", len(g.invitations))
	}
}

func TestLogIn(t *testing.T) {
	now := time.Now()
	wrong := errors.New("wrong password")
	asked := 0
	g := newGuard(t, Options{Owner: "u001", Now: func() time.Time { return now }, Login: func(_ context.Context, user, password string) error {
		asked++
		if user != "u001" || password != "s3cret" {
			return wrong
		}
		return nil
	}})
	logIn := func(user, password string) error {
		_, err := g.LogIn(t.Context(), httptest.NewRecorder(), user, password)
		return err
	}
	if err := logIn("u002", "s3cret"); !errors.Is(err, ErrOwner) || asked != 0 {
		t.Errorf("somebody else: %v, the registry was asked %d times", err, asked)
	}
	var wait *WaitError
	pause := time.Duration(0)
	for range 8 { // each pause is longer than the one before
		if err := logIn("u001", "s3cret"); !errors.As(err, &wait) || wait.For <= pause && pause < mostPause {
			t.Errorf("at once again: %v, after %v", err, pause)
		}
		pause = wait.For
		now = now.Add(wait.For)
		if err := logIn("u001", "guess"); !errors.Is(err, wrong) {
			t.Errorf("a wrong password: %v", err)
		}
	}
	if pause != mostPause {
		t.Errorf("the last pause is %v", pause)
	}
	now = now.Add(mostPause)
	if err := logIn("u001", "s3cret"); err != nil {
		t.Error(err)
	}
	if err := logIn("u001", "s3cret"); err != nil {
		t.Errorf("a second browser: %v", err)
	}
	if err := newGuard(t, Options{}).turnAway(t); !errors.Is(err, ErrOwner) {
		t.Errorf("where nobody may: %v", err)
	}
}

func (g *Guard) turnAway(t *testing.T) error {
	t.Helper()
	_, err := g.LogIn(t.Context(), httptest.NewRecorder(), "", "")
	return err
}

// TestRestart: who is logged in stays so, and who has logged out, too; the file tells
// nobody how to get in.
func TestRestart(t *testing.T) {
	now := time.Now()
	o := Options{Sessions: filepath.Join(t.TempDir(), "sessions"), Now: func() time.Time { return now }}
	g := newGuard(t, o)
	cookie, proof := browser(t, g)
	goneCookie, goneProof := browser(t, g)
	stays := visit{host: "localhost", header: map[string]string{"Cookie": cookie, proofHeader: proof}}
	gone := visit{host: "localhost", header: map[string]string{"Cookie": goneCookie, proofHeader: goneProof}}
	if err := g.End(httptest.NewRecorder(), gone.request()); err != nil {
		t.Fatal(err)
	}
	g = newGuard(t, o)
	if !in(g, stays) || in(g, gone) {
		t.Errorf("the one is logged in: %v, the other: %v", in(g, stays), in(g, gone))
	}
	b, err := os.ReadFile(o.Sessions)
	info, _ := os.Stat(o.Sessions)
	if err != nil || info.Mode().Perm() != 0o600 || strings.Contains(string(b), proof) || strings.Contains(string(b), strings.TrimPrefix(cookie, "jbuild=")) {
		t.Errorf("the file is %s, mode %v, %v", b, info.Mode(), err)
	}
	now = now.Add(sessionLife + time.Hour)
	if in(g, stays) {
		t.Error("a session that nobody has used for long is open")
	}
	for range 3 * mostSessions {
		browser(t, g)
	}
	if len(g.sessions) != mostSessions {
		t.Errorf("%d sessions are kept", len(g.sessions))
	}
	if err := os.WriteFile(o.Sessions, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if g := newGuard(t, o); len(g.sessions) != 0 {
		t.Error("a damaged file is believed")
	}
}
