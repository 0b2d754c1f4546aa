package vmlease

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/report"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
)

// registryLogin is somebody who can log in: to the fake, or to a real Harbor that
// HARBOR_URL, HARBOR_TEST_USER and HARBOR_TEST_PASSWORD name.
func registryLogin(t *testing.T) (o harbor.Options, user, password string, asked func() int) {
	t.Helper()
	if address := os.Getenv("HARBOR_URL"); address != "" {
		base, err := url.Parse(address)
		if err != nil || os.Getenv("HARBOR_TEST_USER") == "" {
			t.Skipf("HARBOR_TEST_USER names nobody; %v", err)
		}
		return harbor.Options{Base: base}, os.Getenv("HARBOR_TEST_USER"), os.Getenv("HARBOR_TEST_PASSWORD"), func() int { return -1 }
	}
	h := newHarbor(t)
	return options(t, h), "u001", "geheim-u001", func() int { return len(h.Requests()) }
}

// TestFromJbuildToLetter: what jbuild reports with its user's login is in the letter that
// they get before their VM ends.
func TestFromJbuildToLetter(t *testing.T) {
	o, user, password, asked := registryLogin(t)
	ends := time.Now().Add(6 * day)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, Lease{VM: host, Owner: user, Ends: ends}, Lease{VM: "vm-of-another", Owner: "another", Ends: ends})
	s := httptest.NewTLSServer(NewHandler(HandlerOptions{Reports: OpenReports(h.State), Checker: NewChecker(AskHarbor(o))}))
	defer s.Close()
	to := report.To{URL: s.URL, User: user, Password: password, Transport: s.Client().Transport}

	used := time.Now().Add(-time.Hour)
	push := workspace.Push{Image: "harbor.example.ac.jp/u001/cfd:1", At: used, Writes: 1}
	changed := workspace.Summary{Name: "cfd", Bytes: 1 << 30, State: workspace.State{Base: "harbor.example.ac.jp/jaist/ubuntu:24.04", Used: used, Writes: 2, Pushes: []workspace.Push{push}}}
	uploaded := changed
	uploaded.Name, uploaded.State.Writes = "done", 1
	send := func(all ...workspace.Summary) {
		t.Helper()
		r, err := report.Of(all)
		if err == nil {
			err = r.Send(t.Context(), to)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	send(changed, uploaded)
	send(changed, uploaded)
	if n := asked(); n > 1 {
		t.Errorf("the registry was asked %d times", n)
	}

	if _, err := h.Warn(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if len(h.post.letters) != 1 {
		t.Fatalf("letters are %+v", h.post.letters)
	}
	letter := render(t, h.post.letters[0], "en")
	for _, want := range []string{host, "in 5 day(s)", "cfd", "jbuild push cfd", push.Image, "1.1 GB"} {
		if !strings.Contains(letter, want) {
			t.Errorf("the letter lacks %q:\n%s", want, letter)
		}
	}
	if strings.Contains(letter, "done") || strings.Contains(letter, password) {
		t.Errorf("the letter is:\n%s", letter)
	}

	// What is uploaded is in no letter any more, and the user sees what is known of them.
	changed.State.Writes = 1
	send(changed, uploaded)
	request, err := http.NewRequest(http.MethodGet, s.URL+Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(user, password)
	resp, err := s.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var view struct{ Reports []Report }
	if err := json.NewDecoder(resp.Body).Decode(&view); err != nil || len(view.Reports) != 1 || len(view.Reports[0].Workspaces) != 0 {
		t.Errorf("the view is %+v, %v", view, err)
	}
	h.post.letters = nil
	if _, err := h.Warn(t.Context(), ends.Add(-time.Hour)); err != nil || len(h.post.letters) != 0 {
		t.Errorf("%v; letters are %+v", err, h.post.letters)
	}

	// A wrong password is said to be one, and asked for once.
	to.Password = "wrong"
	r, err := report.Of(nil)
	if err != nil {
		t.Fatal(err)
	}
	before := asked()
	for range 3 {
		var refused *message.Error
		if err := r.Send(t.Context(), to); !errors.As(err, &refused) || refused.What.Name() != "report.refused" {
			t.Errorf("a wrong password: %v", err)
		}
	}
	if n := asked() - before; n > 1 {
		t.Errorf("the registry was asked %d times for a wrong password", n)
	}
}
