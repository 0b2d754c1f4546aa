package harbor_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
)

func TestDiagnose(t *testing.T) {
	for _, test := range slices.Concat(accessCauses, ruleCauses) {
		t.Run(test.name, func(t *testing.T) { diagnose(t, test, false) })
	}
	for _, test := range accessCauses {
		t.Run(test.name+", timed", func(t *testing.T) { diagnose(t, test, true) })
	}
}

// diagnose asks why, knowing how long the refusal took or not.
func diagnose(t *testing.T, test causeTest, timed bool) {
	t.Parallel()
	tgt := newTarget(t)
	tgt.timed = timed
	q := test.ask(tgt)
	if q.Status != 0 && q.Status < http.StatusBadRequest {
		t.Fatalf("nothing was refused: %d", q.Status)
	}
	if tgt.fake != nil {
		tgt.fake.TakeRequests()
	}
	d := harbor.Diagnose(t.Context(), q)
	if d.Cause != test.want {
		t.Fatalf("the cause is %v: %+v", d.Cause, d)
	}
	if test.check != nil {
		test.check(&target{TB: t}, d)
	}
	if tgt.fake != nil && q.Status == http.StatusUnauthorized {
		countCredential(t, tgt.fake.TakeRequests(), q, d.Cause)
	}
}

// countCredential checks that no more was asked than may be after a 401.
func countCredential(t *testing.T, requests []fakeharbor.Request, q harbor.Question, cause harbor.Cause) {
	t.Helper()
	most := 2
	switch cause {
	case harbor.WrongPassword, harbor.RobotRefused:
		most = 1
		if q.Took >= loginDelay { // there is no more to know
			most = 0
		}
	case harbor.BadName, harbor.DatabaseDown:
		most = 0
	case harbor.NoProject:
		if q.Header.Get("Www-Authenticate") == "" {
			most = 0
		} else {
			most = 1
		}
	}
	n := 0
	for _, r := range requests {
		if user := q.Client.User(); user != "" && r.User == user && r.Agent == "jrun" {
			n++
		}
	}
	if n > most {
		t.Errorf("the credential was used %d times: %v", n, requests)
	}
}

// TestDiagnoseTook is about a refusal that took as long as a wrong password
// does: it is final, even if the password is right by now.
func TestDiagnoseTook(t *testing.T) {
	tgt := fakeTarget(t, fakeharbor.Options{})
	p := tgt.newProject(harbor.NewProject{})
	user, password := tgt.newMember(p, harbor.Guest)
	q := tgt.refused(user, "wrong", p+"/app", "1")
	q.Client, q.Took = tgt.client(user, password), loginDelay
	if d := harbor.Diagnose(t.Context(), q); d.Cause != harbor.WrongPassword {
		t.Errorf("the cause is %v", d.Cause)
	}
}

// TestDiagnosePublic: what everybody may pull is asked for as nobody, once the
// password is known to be wrong.
func TestDiagnosePublic(t *testing.T) {
	tgt := fakeTarget(t, fakeharbor.Options{})
	tgt.timed = true
	p := tgt.newProject(harbor.NewProject{Metadata: harbor.Metadata{Public: "true"}})
	tgt.push(p+"/app", "1")
	user, _ := tgt.newMember(p, harbor.Guest)
	q := tgt.refused(user, "wrong", p+"/app", "2")
	tgt.fake.TakeRequests()
	if d := harbor.Diagnose(t.Context(), q); d.Cause != harbor.NoTag {
		t.Errorf("the cause is %v", d.Cause)
	}
	for _, r := range tgt.fake.TakeRequests() {
		if r.User == user {
			t.Errorf("the password is tried once more: %+v", r)
		}
	}
}

// TestDiagnoseSlow is about a Harbor without redis: what is said holds, but not
// how long it took.
func TestDiagnoseSlow(t *testing.T) {
	tgt := fakeTarget(t, fakeharbor.Options{HealthLag: -1})
	tgt.timed = true
	p := tgt.newProject(harbor.NewProject{})
	tgt.push(p+"/app", "1")
	user, password := tgt.newUser()
	tgt.fake.SetRedisDown(true)
	for _, test := range []struct {
		name, password, project string
		want                    harbor.Cause
	}{
		{"not a member", password, p, harbor.NotMember},
		{"no project", password, "none", harbor.NoProject},
		{"wrong password", "wrong", p, harbor.RedisDown},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := tgt.refused(user, test.password, test.project+"/app", "1")
			if d := harbor.Diagnose(t.Context(), q); d.Cause != test.want {
				t.Errorf("the diagnosis is %+v", d)
			}
		})
	}
	t.Run("no answer", func(t *testing.T) {
		if d := harbor.Diagnose(t.Context(), tgt.question(user, password, p+"/app", "1")); d.Cause != harbor.RedisDown {
			t.Errorf("the diagnosis is %+v", d)
		}
	})
}

// TestDiagnoseStale: health is ten seconds old, and Harbor's answers are not.
func TestDiagnoseStale(t *testing.T) {
	tgt := fakeTarget(t, fakeharbor.Options{HealthLag: time.Hour})
	p := tgt.newProject(harbor.NewProject{})
	user, password := tgt.newUser()
	tgt.fake.SetDatabaseDown(false) // health says that it is down
	if d := harbor.Diagnose(t.Context(), tgt.refused(user, password, p+"/app", "1")); d.Cause != harbor.NotMember {
		t.Errorf("the cause is %v", d.Cause)
	}
}

// TestDiagnoseHammered is about an account that somebody does not leave alone.
// Without a directory that is what it must be.
func TestDiagnoseHammered(t *testing.T) {
	for mode, want := range map[string]harbor.Cause{"ldap_auth": harbor.DirectoryDown, "db_auth": harbor.LoginLocked} {
		t.Run(mode, func(t *testing.T) {
			tgt := fakeTarget(t, fakeharbor.Options{AuthMode: mode})
			p := tgt.newProject(harbor.NewProject{})
			user, password := tgt.newMember(p, harbor.Guest)
			lock := func() {
				go func() { _, _ = tgt.tryAsk(http.MethodGet, "/api/v2.0/users/current", user+":old") }()
				time.Sleep(loginDelay / 3)
			}
			lock()
			q := tgt.refused(user, password, p+"/app", "1")
			q.Timing.Wait = func(context.Context) error {
				time.Sleep(loginDelay)
				lock()
				return nil
			}
			if d := harbor.Diagnose(t.Context(), q); d.Cause != want {
				t.Errorf("the cause is %v", d.Cause)
			}
		})
	}
}

// TestDiagnoseOIDC: a wrong CLI secret is refused at once.
func TestDiagnoseOIDC(t *testing.T) {
	tgt := fakeTarget(t, fakeharbor.Options{AuthMode: "oidc_auth"})
	p := tgt.newProject(harbor.NewProject{})
	user, _ := tgt.newMember(p, harbor.Guest)
	tgt.fake.TakeRequests()
	q := tgt.refused(user, "wrong", p+"/app", "1")
	tgt.fake.TakeRequests()
	d := harbor.Diagnose(t.Context(), q)
	if d.Cause != harbor.WrongPassword {
		t.Errorf("the cause is %v", d.Cause)
	}
	countCredential(t, tgt.fake.TakeRequests(), q, d.Cause)
}

// TestDiagnoseRule decides by the project's rules, when Harbor has new words.
func TestDiagnoseRule(t *testing.T) {
	for want, scan := range map[harbor.Cause]*fakeharbor.Scan{
		harbor.NotScanned: nil, harbor.ScanPending: {Status: "Pending"}, harbor.ScanFailed: {Status: "Stopped"}, harbor.Vulnerable: vulnerable,
	} {
		t.Run(want.String(), func(t *testing.T) {
			tgt := fakeTarget(t, fakeharbor.Options{})
			p := tgt.gated(scan)
			q := tgt.refused(tgt.user, tgt.password, p+"/app", "1")
			q.Body = []byte(`{"errors":[{"code":"PROJECTPOLICYVIOLATION","message":"nein"}]}`)
			if d := harbor.Diagnose(t.Context(), q); d.Cause != want {
				t.Errorf("the diagnosis is %+v", d)
			}
		})
	}
}

// TestDiagnoseHasty: details that cannot be had at once are left out.
func TestDiagnoseHasty(t *testing.T) {
	c, n := asking(t, harbor.Options{User: "u", Password: "p"}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v2.0/health" {
			_, _ = w.Write([]byte(`{"status":"healthy","components":[{"name":"core","status":"healthy"}]}`))
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	d := harbor.Diagnose(t.Context(), harbor.Question{
		Client: c, Project: "p", Repository: "app", Reference: "1", Status: http.StatusPreconditionFailed,
		Body: []byte(`{"errors":[{"code":"PROJECTPOLICYVIOLATION","message":"current image with 2 vulnerabilities cannot be pulled"}]}`),
	})
	if d.Cause != harbor.Vulnerable || harbor.Status(d.Err) != http.StatusServiceUnavailable || n.Load() != 2 {
		t.Errorf("%d requests; the diagnosis is %+v", n.Load(), d)
	}
}

// TestDiagnoseOthers is about what is no Harbor, or not there.
func TestDiagnoseOthers(t *testing.T) {
	other := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(other.Close)
	ask := func(base string, status int) harbor.Question {
		c := harbor.New(harbor.Options{Base: must(url.Parse(base)), User: "u", Password: "p"})
		return harbor.Question{Client: c, Project: "p", Repository: "app", Reference: "1", Status: status}
	}
	t.Run("another registry", func(t *testing.T) {
		if d := harbor.Diagnose(t.Context(), ask(other.URL, http.StatusUnauthorized)); d.Cause != harbor.NotHarbor {
			t.Errorf("the cause is %v", d.Cause)
		}
	})
	t.Run("a page that is always there", func(t *testing.T) {
		page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>hello</html>")) }))
		t.Cleanup(page.Close)
		if d := harbor.Diagnose(t.Context(), ask(page.URL, http.StatusNotFound)); d.Cause != harbor.NotHarbor {
			t.Errorf("the cause is %v", d.Cause)
		}
	})
	for status, want := range map[int]harbor.Cause{http.StatusForbidden: harbor.Unknown, http.StatusUnauthorized: harbor.NotHarbor, http.StatusTooManyRequests: harbor.TooMany} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			closed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
			t.Cleanup(closed.Close)
			if d := harbor.Diagnose(t.Context(), ask(closed.URL, http.StatusUnauthorized)); d.Cause != want {
				t.Errorf("the diagnosis is %+v", d)
			}
		})
	}
	t.Run("nothing there", func(t *testing.T) {
		gone := httptest.NewServer(http.NotFoundHandler())
		gone.Close()
		if d := harbor.Diagnose(t.Context(), ask(gone.URL, http.StatusUnauthorized)); d.Cause != harbor.Unknown || d.Err == nil {
			t.Errorf("the diagnosis is %+v", d)
		}
	})
	t.Run("no time", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if d := harbor.Diagnose(ctx, ask(other.URL, http.StatusUnauthorized)); d.Cause != harbor.Unknown || !errors.Is(d.Err, context.Canceled) {
			t.Errorf("the diagnosis is %+v", d)
		}
	})
}

// TestDiagnoseRace asks as many ranks would, at once.
func TestDiagnoseRace(t *testing.T) {
	tgt := fakeTarget(t, fakeharbor.Options{})
	p := tgt.newProject(harbor.NewProject{})
	user, password := tgt.newUser()
	q := tgt.refused(user, password, p+"/app", "1")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if d := harbor.Diagnose(t.Context(), q); d.Cause != harbor.NotMember {
				t.Errorf("the cause is %v", d.Cause)
			}
		})
	}
	wg.Wait()
}
