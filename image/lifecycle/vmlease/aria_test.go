package vmlease

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fakeAria answers as the public documentation of Aria Automation 8.x says that the
// real one does: the guide's chapter "Get Your Access Token", and the reference of the
// Deployment service for what a page is.
type fakeAria struct {
	*httptest.Server
	t           *testing.T
	deployments []map[string]any
	ill         atomic.Int64 // how many answers are 503
	endless     bool
	withoutLast bool
	asked       atomic.Int64
}

const (
	ariaPassword = "geheim-password"
	ariaRefresh  = "geheim-refresh"
	ariaAccess   = "geheim-access"
)

func newFakeAria(t *testing.T) *fakeAria {
	f := &fakeAria{t: t}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /csp/gateway/am/api/login", func(w http.ResponseWriter, r *http.Request) {
		var got map[string]string
		if !r.URL.Query().Has("access_token") || json.NewDecoder(r.Body).Decode(&got) != nil || got["username"] != "jadm" || got["password"] != ariaPassword || got["domain"] != "example.ac.jp" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"message":"Invalid username or password %s","statusCode":400}`, got["password"])
			return
		}
		fmt.Fprintf(w, `{"refresh_token":%q,"access_token":"of 8.0"}`, ariaRefresh)
	})
	mux.HandleFunc("POST /iaas/api/login", func(w http.ResponseWriter, r *http.Request) {
		var got map[string]string
		if json.NewDecoder(r.Body).Decode(&got) != nil || got["refreshToken"] != ariaRefresh {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, `{"tokenType":"Bearer","token":%q}`, ariaAccess)
	})
	mux.HandleFunc("GET /deployment/api/deployments", f.page)
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.asked.Add(1)
		if f.ill.Add(-1) >= 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		mux.ServeHTTP(w, r)
	}))
	f.Config.ErrorLog = log.New(io.Discard, "", 0) // who does not trust it
	f.StartTLS()
	t.Cleanup(f.Close)
	return f
}

func (f *fakeAria) page(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if r.Header.Get("Authorization") != "Bearer "+ariaAccess {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	number, err := strconv.Atoi(q.Get("page"))
	size, sizeErr := strconv.Atoi(q.Get("size"))
	if err != nil || sizeErr != nil || size < 1 || q.Get("expand") != "resources" {
		f.t.Errorf("asked for %s", r.URL)
	}
	from := min(number*size, len(f.deployments))
	to := min(from+size, len(f.deployments))
	pages := (len(f.deployments) + size - 1) / size
	page := map[string]any{"content": f.deployments[from:to], "number": number, "size": size, "totalElements": len(f.deployments), "totalPages": pages}
	if !f.withoutLast {
		page["last"] = number+1 >= pages
	}
	if f.endless {
		page["content"], page["last"], page["totalPages"] = f.deployments[:1], false, 1<<30
	}
	_ = json.NewEncoder(w).Encode(page)
}

func (f *fakeAria) source() *Aria {
	base, err := url.Parse(f.URL)
	if err != nil {
		f.t.Fatal(err)
	}
	return &Aria{Base: base, HTTP: f.Client(), User: "jadm", Password: ariaPassword, Domain: "example.ac.jp", pause: time.Millisecond, pageSize: 2}
}

func machine(name, host string) map[string]any {
	return map[string]any{"name": "Cloud_vSphere_Machine_1", "type": "Cloud.vSphere.Machine", "status": "SUCCESS", "properties": map[string]any{"resourceName": name, "hostname": host, "address": "192.0.2.1", "cpuCount": 4}}
}

func deployed(owner, ends string, resources ...map[string]any) map[string]any {
	d := map[string]any{"id": "9e49", "name": "my-vm", "ownedBy": owner, "ownerType": "USER", "status": "CREATE_SUCCESSFUL", "resources": resources}
	if ends != "" {
		d["leaseExpireAt"] = ends
	}
	return d
}

func TestAria(t *testing.T) {
	f := newFakeAria(t)
	graced := deployed("u003@example.ac.jp", "2027-03-31T00:00:00.000Z", machine("vm-4", ""))
	graced["leaseGracePeriodDays"] = 7
	lab := deployed("lab-a", "2027-03-31T00:00:00Z", machine("vm-5", ""))
	lab["ownerType"] = "AD_GROUP"
	f.deployments = []map[string]any{
		deployed("u001@example.ac.jp", "2027-03-31T00:00:00.000Z", machine("vm-1", "vm-1.example.ac.jp"), machine("vm-2", "")),
		deployed(`EXAMPLE\u002`, "", machine("vm-3", "")),
		graced, lab,
		deployed("u004", "2027-04-01T00:00:00Z", map[string]any{"name": "net", "type": "Cloud.vSphere.Network", "properties": map[string]any{}}),
	}
	ends := at2027(3, 31, 0)
	want := []Lease{
		{VM: "vm-1", Owner: "u001", Host: "vm-1.example.ac.jp", Ends: ends}, {VM: "vm-2", Owner: "u001", Ends: ends},
		{VM: "vm-3", Owner: "u002"}, {VM: "vm-4", Owner: "u003", Ends: ends, Destroyed: at2027(4, 7, 0)}, {VM: "vm-5", Ends: ends},
	}
	for name, prepare := range map[string]func(*Aria){
		"by password":      func(*Aria) {},
		"by token":         func(a *Aria) { a.User, a.Password, a.RefreshToken = "", "", ariaRefresh },
		"ill for a moment": func(*Aria) { f.ill.Store(3) },
		"one page":         func(a *Aria) { a.pageSize = 100 },
		"without last":     func(*Aria) { f.withoutLast = true },
	} {
		t.Run(name, func(t *testing.T) {
			a := f.source()
			prepare(a)
			got, err := all(t.Context(), a)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// TestAriaFailures: what goes wrong ends, without secrets in the error, and never as a
// short list.
func TestAriaFailures(t *testing.T) {
	for name, tt := range map[string]struct {
		prepare func(*fakeAria, *Aria)
		why     string
	}{
		"a wrong password": {func(_ *fakeAria, a *Aria) { a.Password = "geheim-wrong" }, "logging in as jadm: POST /csp/gateway/am/api/login: 400"},
		"a wrong token":    {func(_ *fakeAria, a *Aria) { a.User, a.RefreshToken = "", "geheim-wrong" }, "getting an access token"},
		"ill for long":     {func(f *fakeAria, _ *Aria) { f.ill.Store(1000) }, "503"},
		"ill in between":   {func(f *fakeAria, _ *Aria) { f.ill.Store(0); f.deployments[1]["leaseExpireAt"] = 5 }, "reading page 0"},
		"without an end":   {func(f *fakeAria, _ *Aria) { f.endless = true }, "is there twice"},
		"who is that":      {func(_ *fakeAria, a *Aria) { a.HTTP = &http.Client{} }, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeAria(t)
			f.deployments = []map[string]any{deployed("u001", "2027-03-31T00:00:00Z", machine("vm-1", "")), deployed("u002", "2027-03-31T00:00:00Z", machine("vm-2", ""))}
			a := f.source()
			tt.prepare(f, a)
			got, err := all(t.Context(), a)
			if err == nil || got != nil || !strings.Contains(err.Error(), tt.why) || strings.Contains(err.Error(), "geheim") {
				t.Errorf("got %v, %v", got, err)
			}
			if n := f.asked.Load(); n > 20 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

// TestAriaPages: a list that does not end does.
func TestAriaPages(t *testing.T) {
	f := newFakeAria(t)
	f.endless, f.deployments = true, []map[string]any{deployed("u001", "2027-03-31T00:00:00Z", machine("vm-1", ""))}
	if _, err := list(f.source().Leases(t.Context())); err == nil || !strings.Contains(err.Error(), "does not end") {
		t.Errorf("error is %v", err)
	}
}

// TestNoRedirect: a token is not carried elsewhere.
func TestNoRedirect(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer elsewhere.Close()
	s := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusFound))
	defer s.Close()
	_, err := newWeb(nil, "geheim").ask(t.Context(), http.MethodGet, s.URL, nil)
	var refused *webError
	if !errors.As(err, &refused) || refused.status != http.StatusFound {
		t.Errorf("error is %v", err)
	}
}
