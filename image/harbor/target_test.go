package harbor_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/opencontainers/go-digest"
)

// The tests of this package ask a target: the fake, or a real Harbor when
// HARBOR_URL, HARBOR_USER and HARBOR_PASSWORD name one and its administrator.
// What a test needs is made through Harbor's own interfaces, so that making it
// is tested as well. Only people are made in different ways: in a real Harbor
// with its own passwords (db_auth) through its API; in one with LDAP they must be
// there, and HARBOR_TEST_USER and HARBOR_TEST_PASSWORD name one.
type target struct {
	testing.TB
	base     *url.URL
	http     *http.Client
	admin    *harbor.Client
	user     string
	password string
	fake     *fakeharbor.Server // nil for a real one
	timing   harbor.Timing
	// timed makes questions that know how long the refusal took.
	timed bool
}

// loginDelay is the fake's, short because tests wait for it, and long against
// what a busy machine needs for an answer.
const loginDelay = 600 * time.Millisecond

// TestMain lets tests of the fake wait side by side, more of them than there are
// processors. Those of a real Harbor run one by one: they share a person, whose
// account each wrong password locks.
func TestMain(m *testing.M) {
	flag.Parse()
	parallel := "10"
	if os.Getenv("HARBOR_URL") != "" {
		parallel = "1"
	}
	if err := flag.Set("test.parallel", parallel); err != nil {
		panic(err)
	}
	m.Run()
}

func newTarget(t testing.TB) *target {
	t.Helper()
	if address := os.Getenv("HARBOR_URL"); address != "" {
		return realTarget(t, address)
	}
	return fakeTarget(t, fakeharbor.Options{})
}

func realTarget(t testing.TB, address string) *target {
	t.Helper()
	tgt := &target{TB: t, base: must(url.Parse(address)), user: os.Getenv("HARBOR_USER"), password: os.Getenv("HARBOR_PASSWORD"), http: &http.Client{}}
	tgt.admin = tgt.client(tgt.user, tgt.password)
	return tgt
}

func fakeTarget(t testing.TB, o fakeharbor.Options) *target {
	t.Helper()
	o.LoginDelay, o.DirectoryTimeout = loginDelay, 4*loginDelay
	fake := fakeharbor.New(o)
	t.Cleanup(fake.Close)
	tgt := &target{
		TB: t, base: must(url.Parse(fake.URL)), http: fake.Client(), fake: fake, user: fakeharbor.AdminUser, password: fakeharbor.AdminPassword,
		timing: harbor.Timing{LoginDelay: o.LoginDelay, DirectoryTimeout: o.DirectoryTimeout, Silence: 6 * loginDelay},
	}
	tgt.admin = tgt.client(tgt.user, tgt.password)
	return tgt
}

// needsFake skips on a real Harbor.
func (tgt *target) needsFake(why string) {
	tgt.Helper()
	if tgt.fake == nil {
		tgt.Skip("only the fake can do this: " + why)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (tgt *target) check(err error) {
	tgt.Helper()
	if err != nil {
		tgt.Fatal(err)
	}
}

func (tgt *target) client(user, password string) *harbor.Client {
	return harbor.New(harbor.Options{Base: tgt.base, HTTP: tgt.http, User: user, Password: password, RetryDelay: time.Millisecond})
}

// unique is a name that nobody has used.
func unique(prefix string) string { return prefix + strings.ToLower(rand.Text()[:8]) }

const testPassword = "Secret-12345"

// newUser makes somebody, who is a member of nothing.
func (tgt *target) newUser() (string, string) {
	tgt.Helper()
	who := unique("u")
	if tgt.fake != nil {
		tgt.fake.AddUser(fakeharbor.User{Name: who, Password: testPassword})
		return who, testPassword
	}
	info, err := tgt.admin.SystemInfo(tgt.ctx())
	tgt.check(err)
	if info.AuthMode != "db_auth" {
		if os.Getenv("HARBOR_TEST_USER") == "" {
			tgt.Skip("this Harbor has its users from a directory, and HARBOR_TEST_USER names none")
		}
		return os.Getenv("HARBOR_TEST_USER"), os.Getenv("HARBOR_TEST_PASSWORD")
	}
	body := must(json.Marshal(map[string]string{"username": who, "password": testPassword, "realname": who, "email": who + "@example.org"}))
	r := must(http.NewRequest(http.MethodPost, tgt.base.String()+"/api/v2.0/users", bytes.NewReader(body)))
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth(tgt.user, tgt.password)
	resp, err := tgt.http.Do(r)
	tgt.check(err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		tgt.Fatalf("making a user: %s", resp.Status)
	}
	return who, testPassword
}

func (tgt *target) ctx() context.Context {
	if t, ok := tgt.TB.(*testing.T); ok {
		return t.Context()
	}
	return context.Background()
}

// newProject makes a project, and removes it with all that is in it.
func (tgt *target) newProject(p harbor.NewProject) string {
	tgt.Helper()
	if p.Name == "" {
		p.Name = unique("p")
	}
	tgt.check(tgt.admin.CreateProject(tgt.ctx(), p))
	tgt.Cleanup(func() {
		if tgt.fake != nil {
			return
		}
		ctx := context.Background()
		for r, err := range tgt.admin.Repositories(ctx, p.Name) {
			if err != nil {
				return
			}
			_, rest, _ := strings.Cut(r.Name, "/")
			_ = tgt.admin.DeleteRepository(ctx, p.Name, rest)
		}
		_ = tgt.admin.DeleteProject(ctx, p.Name)
	})
	return p.Name
}

// newMember makes a member of a project.
func (tgt *target) newMember(project string, role harbor.Role) (user, password string) {
	tgt.Helper()
	user, password = tgt.newUser()
	_, err := tgt.admin.AddUser(tgt.ctx(), project, user, role)
	tgt.check(err)
	return user, password
}

// push pushes a small image as the administrator.
func (tgt *target) push(repository, tag string) digest.Digest {
	tgt.Helper()
	img := must(random.Image(512, 1))
	tgt.check(tgt.pushAs(repository, tag, img, tgt.user, tgt.password))
	return digest.Digest(must(img.Digest()).String())
}

func (tgt *target) pushAs(repository, tag string, img v1.Image, user, password string) error {
	var options []name.Option
	if tgt.base.Scheme == "http" {
		options = append(options, name.Insecure)
	}
	ref := must(name.ParseReference(tgt.base.Host+"/"+repository+":"+tag, options...))
	transport := tgt.http.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	return remote.Write(ref, img, remote.WithAuth(&authn.Basic{Username: user, Password: password}), remote.WithTransport(transport))
}

// answer is what a registry client would see.
type answer struct {
	status int
	header http.Header
	body   []byte
	took   time.Duration
}

// ask makes one request; auth is "user:password", "Bearer token" or "".
func (tgt *target) ask(method, path, auth string, header ...string) answer {
	tgt.Helper()
	a, err := tgt.tryAsk(method, path, auth, header...)
	tgt.check(err)
	return a
}

func (tgt *target) tryAsk(method, path, auth string, header ...string) (answer, error) {
	r := must(http.NewRequest(method, tgt.base.String()+path, http.NoBody))
	user, password, basic := strings.Cut(auth, ":")
	switch {
	case strings.HasPrefix(auth, "Bearer "):
		r.Header.Set("Authorization", auth)
	case basic:
		r.SetBasicAuth(user, password)
	}
	for _, line := range header {
		key, value, _ := strings.Cut(line, ": ")
		r.Header.Set(key, value)
	}
	start := time.Now()
	resp, err := tgt.http.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, body, time.Since(start)}, err
}

const acceptAll = "Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json"

// head asks for a manifest as jrun does.
func (tgt *target) head(repository, reference, auth string) answer {
	tgt.Helper()
	return tgt.ask(http.MethodHead, "/v2/"+repository+"/manifests/"+reference, auth, acceptAll)
}

// token asks the token service; the answer's actions are of the first scope.
func (tgt *target) token(repository, auth string) (string, []string) {
	tgt.Helper()
	got := tgt.ask(http.MethodGet, "/service/token?service=harbor-registry&scope=repository:"+repository+":pull", auth)
	if got.status != http.StatusOK {
		tgt.Fatalf("the token service answers %d %s", got.status, got.body)
	}
	var t struct {
		Token string `json:"token"`
	}
	tgt.check(json.Unmarshal(got.body, &t))
	_, actions := tokenClaims(tgt, t.Token)
	return t.Token, actions
}

// eventually waits until f is true.
func (tgt *target) eventually(what string, f func() bool) {
	tgt.Helper()
	for end := time.Now().Add(40 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			tgt.Fatalf("this did not happen: %s", what)
		}
	}
}
