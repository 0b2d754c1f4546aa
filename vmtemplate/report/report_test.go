package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
)

var used = time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)

func TestOf(t *testing.T) {
	all := []workspace.Summary{
		{Name: "cfd", Bytes: 10, State: workspace.State{Base: "h/b:1", Used: used, Writes: 2, Pushes: []workspace.Push{{Image: "h/p/cfd:1", At: used, Writes: 1}}}},
		{Name: "done", Bytes: 10, State: workspace.State{Used: used, Writes: 1, Pushes: []workspace.Push{{At: used, Writes: 1}}}},
		{Name: "new"},
		{Name: "old", Bytes: 5, Own: true},
	}
	r, err := Of(all)
	if err != nil {
		t.Fatal(err)
	}
	want := []Workspace{{Name: "cfd", Base: "h/b:1", Bytes: 10, Used: used, Pushed: "h/p/cfd:1", PushedAt: used}, {Name: "old", Bytes: 5}}
	if diff := cmp.Diff(want, r.Workspaces); diff != "" {
		t.Errorf("workspaces (-want +got):\n%s", diff)
	}
	if r.Host == "" || !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(r.Machine) {
		t.Errorf("the machine is %q, %q", r.Host, r.Machine)
	}
	if numberOf("a") == numberOf("b") || strings.Contains(numberOf("0123456789abcdef"), "0123456789abcdef") {
		t.Error("the number is not made of the machine's, or is the machine's")
	}
	none, err := Of(nil)
	if b, _ := json.Marshal(none); err != nil || !bytes.Contains(b, []byte(`"workspaces":[]`)) {
		t.Errorf("nothing is written as %s, %v", b, err)
	}
	for range 500 {
		all = append(all, workspace.Summary{Own: true})
	}
	many, err := Of(all)
	if err != nil || len(many.Workspaces) != mostWorkspaces || many.Workspaces[0].Name != "cfd" {
		t.Errorf("of many: %d, %v", len(many.Workspaces), err)
	}
}

// TestSend: the login goes to the site and nowhere else, and a refusal says why in the
// site's words.
func TestSend(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer elsewhere.Close()
	for name, tt := range map[string]struct {
		status int
		body   string
		text   string // name of the text; empty when it goes well
		why    string
	}{
		"taken":         {http.StatusNoContent, "", "", ""},
		"wrong":         {http.StatusUnauthorized, `{"error":"the registry does not accept it"}`, "report.refused", "the registry does not accept it"},
		"a robot":       {http.StatusForbidden, `{"error":"this is a robot's login"}`, "report.refused", "a robot's"},
		"busy":          {http.StatusTooManyRequests, `{"error":"wait"}`, "report.failed", "wait"},
		"a proxy":       {http.StatusBadGateway, "<html>", "report.failed", "502 Bad Gateway"},
		"another place": {http.StatusTemporaryRedirect, "", "report.failed", "307"},
		"endless":       {http.StatusBadRequest, `{"error":"` + strings.Repeat("x", 1<<20) + `"}`, "report.failed", "400"},
	} {
		t.Run(name, func(t *testing.T) {
			var got Report
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				user, password, _ := r.BasicAuth()
				if user != "u001" || password != "geheim" || r.Method != http.MethodPost || r.URL.Path != "/x"+Path || r.Header.Get("Content-Type") != "application/json" {
					t.Errorf("asked as %s %s by %s with %v", r.Method, r.URL.Path, user, r.Header)
				}
				if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
					t.Error(err)
				}
				w.Header().Set("Location", elsewhere.URL)
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			}))
			defer s.Close()
			r := Report{Version: 1, Host: "vm-1", Machine: numberOf("a"), Workspaces: []Workspace{{Name: "cfd", Used: used}}}
			err := r.Send(t.Context(), To{URL: s.URL + "/x/", User: "u001", Password: "geheim"})
			if diff := cmp.Diff(r, got); diff != "" {
				t.Errorf("report (-sent +got):\n%s", diff)
			}
			if tt.text == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var m *message.Error
			if !errors.As(err, &m) || m.What.Name() != tt.text || !strings.Contains(m.Why.Error(), tt.why) || len(m.Next) == 0 {
				t.Errorf("error is %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "geheim") {
				t.Error("the error tells the password")
			}
		})
	}
	elsewhere.Close()
	err := Report{}.Send(t.Context(), To{URL: elsewhere.URL, User: "u", Password: "geheim"})
	var m *message.Error
	if !errors.As(err, &m) || m.What.Name() != "report.unreachable" {
		t.Errorf("a site that is down: %v", err)
	}
}
