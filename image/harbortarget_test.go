package image

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/image/store"
)

// harborTarget is the Harbor that a test asks: the fake, or a real one when
// HARBOR_URL, HARBOR_USER and HARBOR_PASSWORD name it and its administrator, and
// HARBOR_TEST_USER and HARBOR_TEST_PASSWORD somebody of its directory.
type harborTarget struct {
	*testing.T
	fake           *fakeharbor.Server // nil for a real one
	base           *url.URL
	admin          *harbor.Client
	adminName      string
	adminPassword  string
	user, password string            // of somebody who is a member of nothing
	logins         map[string]string // their auth.json
}

// harborDelay is what a wrong password takes of the fake: short because tests wait
// for it, and long against what a busy machine needs for an answer.
const harborDelay = 300 * time.Millisecond

func newHarbor(t *testing.T) *harborTarget {
	t.Helper()
	if os.Getenv("HARBOR_URL") == "" {
		return newFakeHarbor(t)
	}
	h := &harborTarget{
		T: t, logins: map[string]string{}, base: must(url.Parse(os.Getenv("HARBOR_URL"))), adminName: os.Getenv("HARBOR_USER"), adminPassword: os.Getenv("HARBOR_PASSWORD"),
		user: os.Getenv("HARBOR_TEST_USER"), password: os.Getenv("HARBOR_TEST_PASSWORD"),
	}
	if h.user == "" {
		t.Skip("HARBOR_TEST_USER names nobody of this Harbor's directory")
	}
	h.admin = harbor.New(harbor.Options{Base: h.base, User: h.adminName, Password: h.adminPassword})
	return h
}

func newFakeHarbor(t *testing.T) *harborTarget {
	t.Helper()
	fake := fakeharbor.New(fakeharbor.Options{LoginDelay: harborDelay, DirectoryTimeout: 4 * harborDelay})
	t.Cleanup(fake.Close)
	h := &harborTarget{
		T: t, logins: map[string]string{}, fake: fake, base: must(url.Parse(fake.URL)), adminName: fakeharbor.AdminUser, adminPassword: fakeharbor.AdminPassword,
		user: testUser, password: rightPassword,
	}
	h.admin = harbor.New(harbor.Options{Base: h.base, User: h.adminName, Password: h.adminPassword})
	fake.AddUser(fakeharbor.User{Name: testUser, Password: rightPassword})
	return h
}

// needsFake skips on a real Harbor.
func (h *harborTarget) needsFake(why string) {
	h.Helper()
	if h.fake == nil {
		h.Skip("only the fake can do this: " + why)
	}
}

func (h *harborTarget) check(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// project makes a project, which is removed with all that is in it.
func (h *harborTarget) project(rules harbor.Metadata) string {
	h.Helper()
	return h.projectNamed("jrun-test-"+strings.ToLower(rand.Text()[:10]), rules)
}

func (h *harborTarget) projectNamed(p string, rules harbor.Metadata) string {
	h.Helper()
	h.check(h.admin.CreateProject(h.Context(), harbor.NewProject{Name: p, Metadata: rules}))
	h.Cleanup(func() { h.removeProject(p) })
	return p
}

func (h *harborTarget) removeProject(p string) {
	if h.fake != nil {
		return
	}
	ctx := context.Background()
	for r, err := range h.admin.Repositories(ctx, p) {
		if err != nil {
			break
		}
		_, rest, _ := strings.Cut(r.Name, "/")
		_ = h.admin.DeleteRepository(ctx, p, rest)
	}
	if err := h.admin.DeleteProject(ctx, p); err != nil {
		h.Errorf("the project %s stays: %v", p, err)
	}
}

// memberProject is a project with an image that the user may have.
func (h *harborTarget) memberProject(rules harbor.Metadata) string {
	h.Helper()
	p := h.project(rules)
	h.join(p)
	h.push(p+"/app", "1", twoLayers("gzip"))
	return p
}

// join makes the user a member, with as few rights as there are.
func (h *harborTarget) join(project string) {
	h.Helper()
	_, err := h.admin.AddUser(h.Context(), project, h.user, harbor.LimitedGuest)
	h.check(err)
}

// leave ends the user's membership.
func (h *harborTarget) leave(project string) {
	h.Helper()
	for m, err := range h.admin.Members(h.Context(), project) {
		h.check(err)
		if strings.EqualFold(m.Name, h.user) {
			h.check(h.admin.RemoveMember(h.Context(), project, m.ID))
			return
		}
	}
	h.Fatalf("%s is no member of %s", h.user, project)
}

func (h *harborTarget) robot(project string) harbor.RobotSecret {
	h.Helper()
	robot, err := h.admin.CreateRobot(h.Context(), project, "ci", harbor.Forever, harbor.PullOnly)
	h.check(err)
	return robot
}

// client is one that logs in, at the fake's pace; with no user it does not.
func (h *harborTarget) client(user, password string, opts Options) *Client {
	h.Helper()
	opts.AuthFile = h.login(user, password)
	opts.SkipTLSVerify = h.base.Scheme == "http"
	if h.fake != nil {
		opts.harborTiming = harbor.Timing{LoginDelay: harborDelay, DirectoryTimeout: 4 * harborDelay}
	}
	c := NewClient(opts)
	if h.fake != nil {
		c.refusals = refusalTiming{instant: harborDelay * 2 / 3, pause: harborDelay * 16 / 15, jitter: harborDelay / 2}
	}
	return c
}

// login is an auth.json of somebody, the same one each time: refusals are remembered
// with it.
func (h *harborTarget) login(user, password string) string {
	h.Helper()
	if file, ok := h.logins[user+":"+password]; ok {
		return file
	}
	file := filepath.Join(h.TempDir(), "auth.json")
	text := []byte(`{}`)
	if user != "" {
		text = fmt.Appendf(nil, `{"auths":{%q:{"auth":%q}}}`, h.base.Host, base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
	}
	writeFile(h, file, text)
	h.logins[user+":"+password] = file
	return file
}

// requests are those since the last call, as "METHOD path"; nil for a real
// Harbor.
func (h *harborTarget) requests() []string {
	var all []string
	if h.fake != nil {
		for _, r := range h.fake.TakeRequests() {
			all = append(all, r.Method+" "+r.Path)
		}
	}
	return all
}

// lockAccount tries a wrong password, and returns when Harbor is looking at it.
func (h *harborTarget) lockAccount() {
	h.Helper()
	done := make(chan struct{})
	h.Cleanup(func() { <-done })
	go func() {
		defer close(done)
		r, err := http.NewRequest(http.MethodGet, h.base.String()+"/api/v2.0/users/current", http.NoBody)
		if err != nil {
			return
		}
		r.SetBasicAuth(h.user, "of last year")
		if response, err := http.DefaultClient.Do(r); err == nil {
			response.Body.Close()
		}
	}()
	time.Sleep(harborDelay / 4)
}

// ensure gets ref, and ends the test if it may not be had.
func (h *harborTarget) ensure(c *Client, st *store.Store, ref Reference) {
	h.Helper()
	if _, _, err := c.Ensure(h.Context(), st, ref, nil); err != nil {
		h.Fatal(err)
	}
}
