package vmlease

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
)

// desk is a handler with what is behind it.
type desk struct {
	http.Handler
	t      *testing.T
	harbor *fakeharbor.Server
	clock  *clock
	dir    state.Dir
	log    bytes.Buffer
}

func newDesk(t *testing.T) *desk {
	d := &desk{t: t, harbor: newHarbor(t), dir: state.Open(filepath.Join(t.TempDir(), "state"))}
	var checker *Checker
	checker, d.clock = newChecker(t, d.harbor)
	d.Handler = NewHandler(HandlerOptions{Reports: OpenReports(d.dir), Checker: checker, Now: d.clock.Now, Log: slog.New(slog.NewTextHandler(&d.log, nil))})
	return d
}

// ask sends a request as u001 over TLS, changed by change.
func (d *desk) ask(method, text string, change func(*http.Request)) *httptest.ResponseRecorder {
	d.t.Helper()
	r := httptest.NewRequest(method, Path, strings.NewReader(text))
	r.RemoteAddr = "192.0.2.1:1234"
	r.TLS = &tls.ConnectionState{}
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth("u001", "geheim-u001")
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w
}

func TestHandler(t *testing.T) {
	d := newDesk(t)
	if w := d.ask("POST", body(`{"name":"cfd"}`), nil); w.Code != http.StatusNoContent {
		t.Fatalf("a report: %d %s", w.Code, w.Body)
	}
	w := d.ask("GET", "", nil)
	var got struct{ Reports []Report }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK || len(got.Reports) != 1 || got.Reports[0].Workspaces[0].Name != "cfd" || got.Reports[0].User != "u001" || !got.Reports[0].Received.Equal(d.clock.now) {
		t.Errorf("the own view: %d %s, %v", w.Code, w.Body, err)
	}
	w = d.ask("GET", "", func(r *http.Request) { r.SetBasicAuth("20260001", "geheim-20260001") })
	if w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != `{"reports":[]}` {
		t.Errorf("another one's view: %d %s", w.Code, w.Body)
	}
	if strings.Contains(d.log.String(), "geheim") {
		t.Errorf("the log is %s", d.log.String())
	}
}

// TestHandlerRefuses: with the right status and a sentence, and nothing is kept.
func TestHandlerRefuses(t *testing.T) {
	d := newDesk(t)
	for name, tt := range map[string]struct {
		text   string
		change func(*http.Request)
		status int
		why    string
	}{
		"in the clear": {body(""), func(r *http.Request) { r.TLS = nil }, 403, "use https"},
		"through http": {body(""), func(r *http.Request) {
			r.TLS, r.RemoteAddr = nil, "127.0.0.1:1"
			r.Header.Set("X-Forwarded-Proto", "http")
		}, 403, "use https"},
		"nobody":           {body(""), func(r *http.Request) { r.Header.Del("Authorization") }, 401, "needs your login"},
		"no password":      {body(""), func(r *http.Request) { r.SetBasicAuth("u001", "") }, 401, "needs your login"},
		"a wrong password": {body(""), func(r *http.Request) { r.SetBasicAuth("u002", "wrong") }, 401, "does not accept"},
		"an endless one":   {body(""), func(r *http.Request) { r.SetBasicAuth("u001", strings.Repeat("x", 10000)) }, 401, "does not accept"},
		"a token":          {body(""), func(r *http.Request) { r.Header.Set("Authorization", "Bearer geheim") }, 401, "needs your login"},
		"a form":           {body(""), func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415, "application/json"},
		"no report":        {"{", nil, 400, "no report"},
		"too long":         {body(`{"name":"` + strings.Repeat("x", mostReport) + `"}`), nil, 413, "longer than 65536"},
		"a delete":         {body(""), func(r *http.Request) { r.Method = "DELETE" }, 405, "Method Not Allowed"},
		"another place":    {body(""), func(r *http.Request) { r.URL.Path = "/v1/workspaces/x" }, 404, "404"},
	} {
		t.Run(name, func(t *testing.T) {
			w := d.ask("POST", tt.text, tt.change)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.why) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if w.Code == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" {
				t.Error("it does not say how to log in")
			}
		})
	}
	if names, err := d.dir.Names("workspaces"); err != nil || len(names) != 0 {
		t.Errorf("kept are %q, %v", names, err)
	}
	if strings.Contains(d.log.String(), "geheim") || strings.Contains(d.log.String(), "wrong") {
		t.Errorf("the log is %s", d.log.String())
	}
}

// TestHandlerBehindProxy: a proxy of this machine takes TLS off, and says who asks.
func TestHandlerBehindProxy(t *testing.T) {
	d := newDesk(t)
	refused := 0
	for i := range addressBurst + 10 {
		w := d.ask("POST", body(""), func(r *http.Request) {
			r.TLS, r.RemoteAddr = nil, "127.0.0.1:1234"
			r.Header.Set("X-Forwarded-Proto", "https")
			r.Header.Set("X-Forwarded-For", fmt.Sprintf("192.0.2.%d, 2001:db8::%x", i, i)) // the first is what the client says itself
			r.SetBasicAuth(fmt.Sprintf("nobody%d", i), "x")
			if i == 0 {
				r.SetBasicAuth("u001", "geheim-u001")
			}
		})
		switch {
		case i == 0 && w.Code != http.StatusNoContent:
			t.Fatalf("%d %s", w.Code, w.Body)
		case w.Code == http.StatusTooManyRequests:
			refused++
		}
		if i == 20 {
			break // each wrong password takes its time
		}
	}
	if refused != 0 {
		t.Errorf("%d were refused early", refused)
	}
	r := httptest.NewRequest(http.MethodPost, Path, nil)
	r.RemoteAddr = "[::1]:1"
	r.Header.Set("X-Forwarded-For", "192.0.2.1, 2001:db8:1:2:3::4")
	if got := address(r); got != "2001:db8:1:2::/64" {
		t.Errorf("the address is %s", got)
	}
	r.RemoteAddr = "192.0.2.9:1"
	if got := address(r); got != "192.0.2.9" {
		t.Errorf("somebody else's word was taken for the address: %s", got)
	}
}

// TestHandlerLimits: nobody sends without end, and Harbor is not asked for it.
func TestHandlerLimits(t *testing.T) {
	d := newDesk(t)
	codes := map[int]int{}
	for range addressBurst + 20 {
		w := d.ask("POST", body(""), nil)
		codes[w.Code]++
		if w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "" {
			t.Error("it does not say when to come again")
		}
	}
	if codes[http.StatusNoContent] != userBurst || codes[http.StatusTooManyRequests] != addressBurst+20-userBurst {
		t.Errorf("answers are %v", codes)
	}
	if n := len(d.harbor.Requests()); n != 1 {
		t.Errorf("Harbor was asked %d times", n)
	}
	w := d.ask("POST", body(""), func(r *http.Request) { r.SetBasicAuth("20260001", "geheim-20260001") })
	if w.Code != http.StatusTooManyRequests {
		t.Errorf("another user of the same address: %d", w.Code)
	}
	w = d.ask("POST", body(""), func(r *http.Request) { r.RemoteAddr = "192.0.2.2:1"; r.SetBasicAuth("20260001", "geheim-20260001") })
	if w.Code != http.StatusNoContent {
		t.Errorf("another user elsewhere: %d %s", w.Code, w.Body)
	}
}

// TestHandlerWithoutState: what cannot be kept is not acknowledged, and not explained to
// strangers.
func TestHandlerWithoutState(t *testing.T) {
	d := newDesk(t)
	if err := os.WriteFile(d.dir.Path(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w := d.ask("POST", body(""), nil)
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), d.dir.Path()) || !strings.Contains(d.log.String(), d.dir.Path()) {
		t.Errorf("%d %s; the log is %s", w.Code, w.Body, d.log.String())
	}
}
