package fakeharbor_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
)

func Example() {
	h := fakeharbor.New(fakeharbor.Options{})
	defer h.Close()
	h.AddUser(fakeharbor.User{Name: "u001", Password: "secret"})
	h.AddProject(fakeharbor.Project{Name: "team", Severity: "high"})
	h.AddMember("team", "u001", fakeharbor.Guest)
	img, err := random.Image(512, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	h.Push("team/app", "1", img)
	h.SetScan("team/app", "1", &fakeharbor.Scan{Vulnerabilities: []fakeharbor.Vulnerability{{ID: "CVE-1", Severity: "Critical"}}})

	ask := func() {
		r, err := http.NewRequest(http.MethodHead, h.URL+"/v2/team/app/manifests/1", http.NoBody)
		if err != nil {
			fmt.Println(err)
			return
		}
		r.SetBasicAuth("u001", "secret")
		resp, err := h.Client().Do(r)
		if err != nil {
			fmt.Println(err)
			return
		}
		resp.Body.Close()
	}
	ask()
	h.SetScan("team/app", "1", &fakeharbor.Scan{})
	ask()
	h.SetDirectory(fakeharbor.DirectoryDown)
	ask()
	for _, r := range h.TakeRequests() {
		fmt.Println(r.Method, r.Path, r.User, r.Status)
	}
	// Output:
	// HEAD /v2/team/app/manifests/1 u001 412
	// HEAD /v2/team/app/manifests/1 u001 200
	// HEAD /v2/team/app/manifests/1 u001 401
}

// asker makes requests of a fake; user and password may be empty.
func asker(t *testing.T, h *fakeharbor.Server) func(method, path, user, password, body string) (int, string) {
	return func(method, path, user, password, body string) (int, string) {
		t.Helper()
		r, err := http.NewRequest(method, h.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if user != "" {
			r.SetBasicAuth(user, password)
		}
		r.Header.Set("Accept", "application/vnd.docker.distribution.manifest.v2+json")
		resp, err := h.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var text strings.Builder
		if err := resp.Write(&text); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, text.String()
	}
}

// TestControls turns what other tests do not.
func TestControls(t *testing.T) {
	h := fakeharbor.New(fakeharbor.Options{TLS: true, LoginDelay: 50 * time.Millisecond})
	defer h.Close()
	ask := asker(t, h)
	h.AddUser(fakeharbor.User{Name: "u", Password: "p"})
	h.AddProject(fakeharbor.Project{Name: "team", QuotaBytes: 1, Immutable: []string{"v*"}})
	h.AddMember("team", "u", fakeharbor.Maintainer)
	img, err := random.Image(512, 1)
	if err != nil {
		t.Fatal(err)
	}
	d := h.Push("team/a/b", "v1", img)
	const path = "/v2/team/a/b/manifests/v1"
	want := func(what string, got, status int) {
		t.Helper()
		if got != status {
			t.Errorf("%s: %d", what, got)
		}
	}
	status := func(method, path, user string) int {
		t.Helper()
		got, _ := ask(method, path, user, "p", "")
		return got
	}

	if !h.Pulled("team/a/b", "v1").IsZero() {
		t.Error("it is pulled by a push")
	}
	want("pulling", status(http.MethodGet, path, "u"), 200)
	if h.Pulled("team/a/b", "v1").IsZero() {
		t.Error("it is not pulled by GET")
	}
	want("deleting what is immutable", status(http.MethodDelete, "/v2/team/a/b/manifests/"+d.String(), "u"), 412)
	h.SetImmutable("team")
	want("deleting", status(http.MethodDelete, "/v2/team/a/b/manifests/"+d.String(), "u"), 202)
	want("what is deleted", status(http.MethodGet, path, "u"), 404)
	h.Push("team/a/b", "v1", img)

	_, text := ask(http.MethodPost, "/v2/team/a/b/blobs/uploads/", "u", "p", "")
	_, upload, _ := strings.Cut(text, "Location: "+h.URL)
	upload, _, _ = strings.Cut(upload, "\r\n")
	upload += "&digest=sha256:" + strings.Repeat("a", 64)
	got, text := ask(http.MethodPut, upload, "u", "p", "bytes")
	if got != http.StatusForbidden || !strings.Contains(text, "adding 5 B of storage resource") {
		t.Errorf("a full project: %d %s", got, text)
	}
	h.SetQuota("team", -1)
	got, _ = ask(http.MethodPut, upload, "u", "p", "bytes")
	want("a wrong digest", got, 400)

	h.SetMetadata("team", "public", "true")
	want("the project for nobody", status(http.MethodGet, "/api/v2.0/projects/team", ""), 200)
	h.SetMetadata("team", "public", "false")
	h.RemoveMember("team", "u")
	want("somebody who was a member", status(http.MethodGet, path, "u"), 401)

	name, secret := h.AddRobot(fakeharbor.Robot{Project: "team", Name: "r", Access: []string{"repository:pull", "artifact:read"}})
	got, _ = ask(http.MethodGet, "/api/v2.0/projects/team/repositories/a%252Fb/artifacts/v1", name, secret, "")
	want("a robot with rights", got, 200)
	h.DeleteRobot(name)
	got, _ = ask(http.MethodGet, path, name, secret, "")
	want("a robot that was deleted", got, 401)

	want("the catalog", status(http.MethodGet, "/v2/_catalog", "u"), 401)
	got, text = ask(http.MethodGet, "/v2/_catalog", fakeharbor.AdminUser, fakeharbor.AdminPassword, "")
	if got != http.StatusOK || !strings.Contains(text, "team/a/b") {
		t.Errorf("the catalog: %d %s", got, text)
	}
	subject := fmt.Sprintf(`{"schemaVersion":2,"artifactType":"application/vnd.cncf.notary.signature","subject":{"digest":%q}}`, d)
	sig := h.PushManifest("team/a/b", "", "application/vnd.oci.image.manifest.v1+json", []byte(subject))
	got, text = ask(http.MethodGet, "/v2/team/a/b/referrers/"+d.String(), fakeharbor.AdminUser, fakeharbor.AdminPassword, "")
	if got != http.StatusOK || !strings.Contains(text, sig.String()) {
		t.Errorf("referrers: %d %s", got, text)
	}
	if n := len(h.Requests()); n < 10 || len(h.TakeRequests()) != n || len(h.TakeRequests()) != 0 {
		t.Errorf("%d requests", n)
	}
}
