package harbor_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
)

// spy is a transport that remembers how each request showed who asks.
type spy struct {
	mu     sync.Mutex
	seen   []string // "GET /path password", or session, form, nobody
	cookie string   // the last session
	next   http.RoundTripper
}

func (s *spy) RoundTrip(r *http.Request) (*http.Response, error) {
	how := "nobody"
	c, err := r.Cookie("sid")
	_, _, basic := r.BasicAuth()
	switch {
	case err == nil && basic:
		how = "both"
	case err == nil:
		how = "session"
	case basic:
		how = "password"
	case r.Method == http.MethodPost:
		how = "form"
	}
	resp, failed := s.next.RoundTrip(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, r.Method+" "+r.URL.Path+" "+how)
	if err == nil {
		s.cookie = c.Value
	}
	return resp, failed
}

// take are the requests since it was last called.
func (s *spy) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.seen
	s.seen = nil
	return seen
}

// withSession is a client that may log in, and what it asks.
func (tgt *target) withSession(user, password string) (*harbor.Client, *spy) {
	s := &spy{next: tgt.http.Transport}
	if s.next == nil {
		s.next = http.DefaultTransport
	}
	c := harbor.New(harbor.Options{Base: tgt.base, HTTP: &http.Client{Transport: s}, User: user, Password: password, Session: true, RetryDelay: time.Millisecond})
	tgt.Cleanup(func() { c.EndSession(context.Background()) })
	return c, s
}

func (tgt *target) askQuotas(c *harbor.Client, times int) {
	tgt.Helper()
	for range times {
		for _, err := range c.Quotas(tgt.ctx()) {
			tgt.check(err)
			break
		}
	}
}

// TestSession: after some questions the password is not sent any more, but with what
// changes something, and with lists that Harbor shortens for nobody instead of refusing
// them; and the session gives the same answers.
func TestSession(t *testing.T) {
	tgt := newTarget(t)
	ctx := t.Context()
	p := tgt.newProject(harbor.NewProject{})
	tgt.push(p+"/cfd/app", "1")
	c, asked := tgt.withSession(tgt.user, tgt.password)
	tgt.askQuotas(c, 8)
	if seen := asked.take(); len(seen) != 8 || !strings.HasSuffix(seen[7], " password") {
		t.Errorf("the first questions are %q", seen)
	}
	tgt.askQuotas(c, 1)
	seen := asked.take()
	want := []string{"GET /api/v2.0/users/current password", "GET /c/login nobody", "POST /c/login form", "GET /api/v2.0/quotas session"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Fatalf("the login (-want +got):\n%s", diff)
	}
	project, err := c.Project(ctx, p)
	tgt.check(err)
	_, err = harbor.All(c.Projects(ctx, p))
	tgt.check(err)
	_, err = c.CurrentUser(ctx)
	tgt.check(err)
	id, err := c.CreateWebhook(ctx, p, harbor.Webhook{Name: "h", Enabled: true, Events: []string{harbor.EventPush}, Targets: []harbor.WebhookTarget{{Type: "http", Address: "http://127.0.0.1:1"}}})
	tgt.check(err)
	if seen := asked.take(); len(seen) != 4 || slices.ContainsFunc(seen, func(line string) bool { return !strings.HasSuffix(line, " password") }) {
		t.Errorf("asked for were %q", seen)
	}
	for what, ask := range map[string]func(*harbor.Client) (any, error){
		"members":   func(c *harbor.Client) (any, error) { return harbor.All(c.Members(ctx, p)) },
		"webhooks":  func(c *harbor.Client) (any, error) { return harbor.All(c.Webhooks(ctx, p)) },
		"immutable": func(c *harbor.Client) (any, error) { return harbor.All(c.ImmutableRules(ctx, p)) },
		"artifacts": func(c *harbor.Client) (any, error) { return harbor.All(c.ProjectArtifacts(ctx, p)) },
		"robots":    func(c *harbor.Client) (any, error) { return harbor.All(c.Robots(ctx, project.ID)) },
		"quotas":    func(c *harbor.Client) (any, error) { return harbor.All(c.ProjectQuotas(ctx, project.ID)) },
		"users":     func(c *harbor.Client) (any, error) { return harbor.All(c.Users(ctx)) },
		"groups":    func(c *harbor.Client) (any, error) { return harbor.All(c.Groups(ctx)) },
	} {
		bySession, err := ask(c)
		tgt.check(err)
		byPassword, err := ask(tgt.admin)
		tgt.check(err)
		if diff := cmp.Diff(byPassword, bySession); diff != "" {
			t.Errorf("%s (-by password +by session):\n%s", what, diff)
		}
		if seen := asked.take(); !strings.HasSuffix(seen[0], " session") {
			t.Errorf("%s: %q", what, seen)
		}
		// Whose session has ended is nobody, and must hear of it.
		nobody := harbor.New(harbor.Options{Base: tgt.base, HTTP: tgt.http})
		if _, err := ask(nobody); harbor.Status(err) != http.StatusUnauthorized {
			t.Errorf("%s: nobody is told %v", what, err)
		}
	}
	tgt.check(c.DeleteWebhook(ctx, p, id))
	if seen := asked.take(); !strings.HasSuffix(seen[0], " password") {
		t.Errorf("a deletion was asked for as %q", seen)
	}
}

// TestAlikeInPublic: what is asked with a session is refused to nobody in public projects
// as well.
func TestAlikeInPublic(t *testing.T) {
	tgt := newTarget(t)
	ctx := t.Context()
	p := tgt.newProject(harbor.NewProject{Metadata: harbor.Metadata{Public: "true"}})
	tgt.push(p+"/app", "1")
	retention, err := tgt.admin.Project(ctx, p)
	tgt.check(err)
	policy, err := tgt.admin.CreateRetention(ctx, harbor.NewRetention(retention.ID, harbor.KeepTags(harbor.KeepAlways, 0)))
	tgt.check(err)
	nobody := harbor.New(harbor.Options{Base: tgt.base, HTTP: tgt.http})
	for what, ask := range map[string]func() error{
		"members":   func() error { _, err := harbor.All(nobody.Members(ctx, p)); return err },
		"webhooks":  func() error { _, err := harbor.All(nobody.Webhooks(ctx, p)); return err },
		"immutable": func() error { _, err := harbor.All(nobody.ImmutableRules(ctx, p)); return err },
		"artifacts": func() error { _, err := harbor.All(nobody.ProjectArtifacts(ctx, p)); return err },
		"robots":    func() error { _, err := harbor.All(nobody.Robots(ctx, retention.ID)); return err },
		"retention": func() error { _, err := nobody.Retention(ctx, policy); return err },
	} {
		tgt.wantStatus(what, ask(), http.StatusUnauthorized)
	}
	// This is why not everything is asked with a session: all seems well.
	private := tgt.newProject(harbor.NewProject{})
	got := tgt.ask(http.MethodGet, "/api/v2.0/projects?page_size=100&name="+private, "", "Cookie: sid=of-yesterday")
	if got.status != http.StatusOK || strings.Contains(string(got.body), private) {
		t.Errorf("whose session has ended is told %d %s", got.status, got.body)
	}
}

// TestSessionEnds: one that Harbor has forgotten costs one more login, and one that was
// ended opens nothing any more.
func TestSessionEnds(t *testing.T) {
	tgt := newTarget(t)
	c, asked := tgt.withSession(tgt.user, tgt.password)
	tgt.askQuotas(c, 9)
	asked.take()
	first := asked.cookie
	if got := tgt.ask(http.MethodGet, "/api/v2.0/quotas", "", "Cookie: sid="+first); got.status != http.StatusOK {
		t.Fatalf("the session that was seen gives %d", got.status)
	}
	if got := tgt.ask(http.MethodGet, "/c/log_out", "", "Cookie: sid="+first); got.status != http.StatusOK {
		t.Fatalf("logging out gives %d", got.status)
	}
	tgt.askQuotas(c, 2)
	want := []string{
		"GET /api/v2.0/quotas session", "GET /api/v2.0/users/current password", "GET /c/login nobody", "POST /c/login form",
		"GET /api/v2.0/quotas session", "GET /api/v2.0/quotas session",
	}
	if diff := cmp.Diff(want, asked.take()); diff != "" {
		t.Errorf("after its end (-want +got):\n%s", diff)
	}
	second := asked.cookie
	if second == first {
		t.Error("it is the same session")
	}
	c.EndSession(t.Context())
	if got := tgt.ask(http.MethodGet, "/api/v2.0/quotas", "", "Cookie: sid="+second); got.status != http.StatusUnauthorized {
		t.Errorf("a session that was ended gives %d", got.status)
	}
	if tgt.fake != nil && tgt.fake.Sessions() != 0 {
		t.Errorf("there are %d sessions left", tgt.fake.Sessions())
	}
}

// TestSessionOfRobot: robots have none, and are not tried.
func TestSessionOfRobot(t *testing.T) {
	tgt := newTarget(t)
	p := tgt.newProject(harbor.NewProject{})
	made, err := tgt.admin.CreateRobot(t.Context(), p, "r", 1, []harbor.Access{{Resource: "member", Action: "list"}, {Resource: "repository", Action: "pull"}})
	tgt.check(err)
	c, asked := tgt.withSession(made.Name, made.Secret)
	for range 12 {
		_, err := harbor.All(c.Members(t.Context(), p))
		tgt.check(err)
	}
	if n := len(asked.take()); n != 13 {
		t.Errorf("12 questions and the one whether it is a robot's are %d requests", n)
	}
}

// TestSessionAfterNewPassword: a password that has changed is tried once more, by however
// many ask at the time, and then not for a while.
func TestSessionAfterNewPassword(t *testing.T) {
	tgt := fakeTarget(t, fakeharbor.Options{})
	tgt.fake.AddUser(fakeharbor.User{Name: "boss", Password: "old", Admin: true})
	c, asked := tgt.withSession("boss", "old")
	tgt.askQuotas(c, 9)
	tgt.fake.SetPassword("boss", "new")
	tgt.fake.EndSessions()
	asked.take()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			_, err := harbor.All(c.Quotas(t.Context()))
			if harbor.Status(err) != http.StatusUnauthorized {
				t.Errorf("it is told %v", err)
			}
		})
	}
	all.Wait()
	_, err := harbor.All(c.Quotas(t.Context()))
	tgt.wantStatus("one more", err, http.StatusUnauthorized)
	seen := asked.take()
	used := slices.DeleteFunc(slices.Clone(seen), func(line string) bool { return strings.HasSuffix(line, " session") })
	if diff := cmp.Diff([]string{"GET /api/v2.0/users/current password"}, used); diff != "" {
		t.Errorf("uses of the wrong password (-want +got):\n%s", diff)
	}
}

// TestNoSession: with OIDC, or where something else answers at that path, the password
// goes on being sent.
func TestNoSession(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"OIDC": func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				http.SetCookie(w, &http.Cookie{Name: "_gorilla_csrf", Value: "c"})
				w.Header().Set("X-Harbor-CSRF-Token", "t")
				return
			}
			w.WriteHeader(http.StatusForbidden)
		},
		"a portal":  func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<!doctype html>")) },
		"not found": http.NotFound,
		"no cookie": func(w http.ResponseWriter, _ *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "_gorilla_csrf", Value: "c"})
			w.Header().Set("X-Harbor-CSRF-Token", "t")
		},
	} {
		t.Run(name, func(t *testing.T) {
			asked := &spy{next: http.DefaultTransport}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case strings.HasPrefix(r.URL.Path, "/c/"):
					answer(w, r)
				default:
					_, _ = w.Write([]byte("{}"))
				}
			}))
			t.Cleanup(server.Close)
			c := harbor.New(harbor.Options{Base: must(http.NewRequest("", server.URL, nil)).URL, HTTP: &http.Client{Transport: asked}, User: "u", Password: "p", Session: true})
			for range 20 {
				if _, err := c.Retention(t.Context(), 1); err != nil {
					t.Fatal(err)
				}
			}
			seen := asked.take()
			if n := len(slices.DeleteFunc(seen, func(line string) bool { return !strings.HasSuffix(line, "retentions/1 password") })); n != 20 {
				t.Errorf("with the password there were %d", n)
			}
		})
	}
}
