package harbor_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/harbor"
)

// asking makes a client of a server that answers with f, and counts requests.
func asking(t *testing.T, o harbor.Options, f http.HandlerFunc) (*harbor.Client, *atomic.Int64) {
	t.Helper()
	var n atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		f(w, r)
	}))
	t.Cleanup(server.Close)
	o.Base = must(url.Parse(server.URL))
	if o.RetryDelay == 0 {
		o.RetryDelay = time.Millisecond
	}
	return harbor.New(o), &n
}

func TestRequest(t *testing.T) {
	var got *http.Request
	c, _ := asking(t, harbor.Options{User: "robot$p+r", Password: "s", UserAgent: "jadm/1"}, func(w http.ResponseWriter, r *http.Request) {
		got = r
		_, _ = w.Write([]byte("{}"))
	})
	tests := []struct {
		name, want string
		ask        func() error
	}{
		{"nested repository", "/api/v2.0/projects/team/repositories/cfd%252Fapp", func() error {
			_, err := c.Repository(t.Context(), "team", "cfd/app")
			return err
		}},
		{"tag", "/api/v2.0/projects/2026001/repositories/app/artifacts/v1.0?with_accessory=true&with_immutable_status=true&with_scan_overview=true&with_tag=true", func() error {
			_, err := c.Artifact(t.Context(), "2026001", "app", "v1.0")
			return err
		}},
		{"hostile names", "/api/v2.0/projects/..%2F..%2Fusers/repositories/%253F/artifacts/%23/tags/a%2Fb", func() error {
			return c.DeleteTag(t.Context(), "../../users", "?", "#", "a/b")
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := test.ask(); err != nil {
				t.Fatal(err)
			}
			if got.RequestURI != test.want {
				t.Errorf("the address is %s", got.RequestURI)
			}
			user, password, _ := got.BasicAuth()
			if user != "robot$p+r" || password != "s" || got.UserAgent() != "jadm/1" || got.Header.Get("X-Is-Resource-Name") != "true" {
				t.Errorf("the header is %v", got.Header)
			}
		})
	}
}

func TestBaseWithPath(t *testing.T) {
	var got string
	c, _ := asking(t, harbor.Options{}, func(_ http.ResponseWriter, r *http.Request) { got = r.URL.Path })
	below := harbor.New(harbor.Options{Base: must(url.Parse(harbor.BaseOf(c) + "/harbor/"))})
	if _, err := below.Health(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got != "/harbor/api/v2.0/health" {
		t.Errorf("the path is %s", got)
	}
}

func TestErrors(t *testing.T) {
	tests := []struct {
		name, kind, body string
		code, message    string
	}{
		{"JSON", "application/json", `{"errors":[{"code":"NOT_FOUND","message":"artifact a not found"}]}`, "NOT_FOUND", "artifact a not found"},
		{"two", "application/json", `{"errors":[{"code":"A","message":"one"},{"code":"B","message":"two"}]}`, "A", "one; two"},
		{"go-swagger", "application/json", `{"code":422,"message":"page_size in query should be less than or equal to 100"}`, "", "page_size in query should be less than or equal to 100"},
		{"nothing", "", "", "", ""},
		{"HTML", "text/html", "<html><title>502 Bad Gateway</title></html>", "", ""},
		{"text", "text/plain", "404 page not found\n", "", "404 page not found"},
		{"broken JSON", "application/json", `{"errors":[`, "", ""},
		{"wrong JSON", "application/json", `{"errors":"no"}`, "", ""},
		{"a terminal's commands", "text/plain", "a\x1b[2Jb\nc\xff", "", "a�[2Jb c�"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, n := asking(t, harbor.Options{}, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", test.kind)
				w.WriteHeader(http.StatusNotFound)
				_, _ = w.Write([]byte(test.body))
			})
			_, err := c.Project(t.Context(), "p")
			want := &harbor.Error{Status: 404, Code: test.code, Message: test.message, Method: "GET", Path: "/api/v2.0/projects/p"}
			if diff := cmp.Diff(want, err); diff != "" {
				t.Errorf("the error (-want +got):\n%s", diff)
			}
			if harbor.Status(fmt.Errorf("wrapped: %w", err)) != 404 || n.Load() != 1 {
				t.Errorf("status %d, %d requests", harbor.Status(err), n.Load())
			}
		})
	}
}

func TestRetries(t *testing.T) {
	get := func(c *harbor.Client) error {
		_, err := c.Project(t.Context(), "p")
		return err
	}
	post := func(c *harbor.Client) error { return c.Scan(t.Context(), "p", "r", "1") }
	remove := func(c *harbor.Client) error { return c.DeleteProject(t.Context(), "p") }
	put := func(c *harbor.Client) error { return c.UpdateQuota(t.Context(), 1, 2) }
	hangUp := -1
	tests := []struct {
		name     string
		ask      func(*harbor.Client) error
		statuses []int // of each answer; the last one for all that follow
		requests int64
		want     int // status of the error
	}{
		{"busy", get, []int{429, 503, 200}, 3, 0},
		{"restarting", put, []int{502, 504, 200}, 3, 0},
		{"hung up", get, []int{hangUp, hangUp, 200}, 3, 0},
		{"wrong password", get, []int{401, 200}, 1, 401},
		{"wrong password, deleting", remove, []int{401, 200}, 1, 401},
		{"wrong password after a pause", get, []int{502, 401, 200}, 2, 401},
		{"forbidden", get, []int{403, 200}, 1, 403},
		{"its own fault", get, []int{500, 200}, 1, 500},
		{"not to be repeated", post, []int{502, 200}, 1, 502},
		{"not to be repeated, hung up", post, []int{hangUp, 200}, 1, 0},
		{"deleted, but not heard", remove, []int{hangUp, 404}, 2, 0},
		{"not there", remove, []int{404}, 1, 404},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var i atomic.Int64
			c, n := asking(t, harbor.Options{User: "u", Password: "p"}, func(w http.ResponseWriter, _ *http.Request) {
				status := test.statuses[min(int(i.Add(1)), len(test.statuses))-1]
				if status == hangUp {
					panic(http.ErrAbortHandler)
				}
				w.WriteHeader(status)
			})
			err := test.ask(c)
			if harbor.Status(err) != test.want {
				t.Errorf("the error is %v", err)
			}
			if wantErr := test.statuses[test.requests-1] != 200 && test.name != "deleted, but not heard"; (err != nil) != wantErr {
				t.Errorf("the error is %v", err)
			}
			if n.Load() != test.requests {
				t.Errorf("%d requests", n.Load())
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	for name, value := range map[string]func() string{
		"seconds": func() string { return "1" },
		"date":    func() string { return time.Now().Add(2 * time.Second).UTC().Format(http.TimeFormat) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var i atomic.Int64
			c, _ := asking(t, harbor.Options{}, func(w http.ResponseWriter, _ *http.Request) {
				if i.Add(1) == 1 {
					w.Header().Set("Retry-After", value())
					w.WriteHeader(http.StatusTooManyRequests)
				}
			})
			start := time.Now()
			if _, err := c.Project(t.Context(), "p"); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took < 900*time.Millisecond {
				t.Errorf("it came back after %v", took)
			}
		})
	}
	t.Run("too long", func(t *testing.T) {
		c, n := asking(t, harbor.Options{RetryTotal: time.Second}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		})
		_, err := c.Project(t.Context(), "p")
		want := &harbor.Error{Status: 429, Method: "GET", Path: "/api/v2.0/projects/p", RetryAfter: time.Hour}
		if diff := cmp.Diff(want, err); diff != "" || n.Load() != 1 {
			t.Errorf("%d requests; the error (-want +got):\n%s", n.Load(), diff)
		}
	})
}

// TestRetryBudget is about a Harbor that stays away.
func TestRetryBudget(t *testing.T) {
	c, n := asking(t, harbor.Options{RetryDelay: 10 * time.Millisecond, RetryTotal: 200 * time.Millisecond}, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
	})
	start := time.Now()
	if _, err := c.Project(t.Context(), "p"); harbor.Status(err) != http.StatusBadGateway {
		t.Errorf("the error is %v", err)
	}
	if took := time.Since(start); took > time.Second || n.Load() < 3 || n.Load() > 20 {
		t.Errorf("%d requests in %v", n.Load(), took)
	}
}

// TestPages has more than two pages, and Harbor's wrong count.
func TestPages(t *testing.T) {
	const all = 205
	for _, total := range []string{"", "205", "999"} {
		t.Run("total "+total, func(t *testing.T) {
			c, n := asking(t, harbor.Options{}, func(w http.ResponseWriter, r *http.Request) {
				page, size := must(strconv.Atoi(r.URL.Query().Get("page"))), must(strconv.Atoi(r.URL.Query().Get("page_size")))
				if size > 100 {
					w.WriteHeader(http.StatusUnprocessableEntity)
				}
				var items []string
				for i := (page - 1) * size; i < min(page*size, all); i++ {
					items = append(items, fmt.Sprintf(`{"name":"p%d"}`, i))
				}
				w.Header().Set("X-Total-Count", total)
				fmt.Fprintf(w, "[%s]", strings.Join(items, ","))
			})
			got, err := harbor.All(c.Projects(t.Context(), ""))
			if err != nil || len(got) != all || got[all-1].Name != "p204" || n.Load() != 3 {
				t.Errorf("%d projects in %d requests: %v", len(got), n.Load(), err)
			}
			n.Store(0)
			for range c.Projects(t.Context(), "") {
				break
			}
			if n.Load() != 1 {
				t.Errorf("%d requests for one project", n.Load())
			}
		})
	}
	t.Run("an error", func(t *testing.T) {
		c, _ := asking(t, harbor.Options{}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
		if _, err := harbor.All(c.Members(t.Context(), "p")); harbor.Status(err) != http.StatusForbidden {
			t.Errorf("the error is %v", err)
		}
	})
}

// TestNoRedirect keeps the password where it belongs.
func TestNoRedirect(t *testing.T) {
	thief, stolen := asking(t, harbor.Options{}, func(http.ResponseWriter, *http.Request) {})
	c, _ := asking(t, harbor.Options{User: "u", Password: "p"}, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, harbor.BaseOf(thief)+"/x", http.StatusTemporaryRedirect)
	})
	if _, err := c.Project(t.Context(), "p"); harbor.Status(err) != http.StatusTemporaryRedirect || stolen.Load() != 0 {
		t.Errorf("%d requests elsewhere; %v", stolen.Load(), err)
	}
}

// TestNoCookies gives the client a jar, which it must not use.
func TestNoCookies(t *testing.T) {
	tgt := newTarget(t)
	own := *tgt.http
	own.Jar = must(cookiejar.New(nil))
	c := harbor.New(harbor.Options{Base: tgt.base, HTTP: &own, User: tgt.user, Password: tgt.password})
	if _, err := c.SystemInfo(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := unique("p")
	if err := c.CreateProject(t.Context(), harbor.NewProject{Name: p}); err != nil {
		t.Fatal(err)
	}
	if err := c.DeleteProject(t.Context(), p); err != nil {
		t.Error(err)
	}
	if own.Jar == nil {
		t.Error("the caller's client has been changed")
	}
}

func TestVerifiesTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	c := harbor.New(harbor.Options{Base: must(url.Parse(server.URL)), RetryDelay: time.Millisecond})
	if _, err := c.Health(t.Context()); err == nil || harbor.Status(err) != 0 {
		t.Errorf("the error is %v", err)
	}
	c = harbor.New(harbor.Options{Base: must(url.Parse(server.URL)), HTTP: server.Client()})
	if _, err := c.Health(t.Context()); harbor.Status(err) != http.StatusNotFound {
		t.Errorf("the error is %v", err)
	}
}

func TestStrings(t *testing.T) {
	if got := harbor.Guest.String() + ", " + harbor.Role(9).String(); got != "guest, role 9" {
		t.Errorf("roles are %s", got)
	}
	if got := harbor.NotMember.String() + ", " + harbor.Cause(-1).String(); got != "not a member, cause -1" {
		t.Errorf("causes are %s", got)
	}
}
