package onboarding_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/notice"
	"github.com/jrun-hpc/jrun/image/lifecycle/onboarding"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/quantity"
)

// now is close to the true time, which a real Harbor goes by.
var now = time.Now().UTC().Truncate(time.Second)

// target is a site: a Harbor, which is a real one when HARBOR_URL, HARBOR_USER and
// HARBOR_PASSWORD name one, its directory, and a jadm. A real Harbor must have its
// people from the LDAP server of LDAP_URL, LDAP_BASE, LDAP_ADMIN_DN and
// LDAP_ADMIN_PASSWORD, where tests put people in.
type target struct {
	*testing.T
	base      *url.URL
	admin     *harbor.Client
	fake      *fakeharbor.Server // nil for a real one
	directory *memory
	dir       string // of jadm
	settings  settings.Onboarding
	transport http.RoundTripper
	place     onboarding.Place
}

// memory is the directory, as jadm sees it.
type memory struct {
	people.Directory
	mu   sync.Mutex
	all  map[string]people.Person
	down error
}

func (m *memory) Person(_ context.Context, id string) (people.Person, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return people.Person{}, m.down
	}
	p, ok := m.all[strings.ToLower(id)]
	if !ok {
		return people.Person{}, people.ErrUnknown
	}
	return p, nil
}

func (m *memory) People(context.Context) iter.Seq2[people.Person, error] {
	return func(yield func(people.Person, error) bool) {
		for _, p := range m.all {
			if !yield(p, nil) {
				return
			}
		}
	}
}

func check(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

const password = "Secret-12345"

func newTarget(t *testing.T) *target {
	t.Helper()
	tgt := &target{T: t, directory: &memory{all: map[string]people.Person{}}, dir: t.TempDir(), settings: settings.Onboarding{RobotDays: 365, RenewDays: 30, Quota: 10e9}}
	user, secret := fakeharbor.AdminUser, fakeharbor.AdminPassword
	address := os.Getenv("HARBOR_URL")
	if address == "" {
		tgt.fake = fakeharbor.New(fakeharbor.Options{LoginDelay: 100 * time.Millisecond})
		t.Cleanup(tgt.fake.Close)
		address = tgt.fake.URL
	} else {
		user, secret = os.Getenv("HARBOR_USER"), os.Getenv("HARBOR_PASSWORD")
	}
	var err error
	tgt.base, err = url.Parse(address)
	check(t, err)
	tgt.admin = harbor.New(harbor.Options{Base: tgt.base, User: user, Password: secret, RetryDelay: time.Millisecond})
	return tgt
}

// needsFake skips on a real Harbor.
func needsFake(t *testing.T) *target {
	t.Helper()
	tgt := newTarget(t)
	if tgt.fake == nil {
		t.Skip("only the fake can do this")
	}
	return tgt
}

func unique(prefix string) string { return prefix + strings.ToLower(rand.Text()[:8]) }

// number is a student's number that nobody has.
func number() string {
	b := make([]byte, 3)
	_, _ = rand.Read(b)
	return fmt.Sprintf("2026%08d", int(b[0])<<16|int(b[1])<<8|int(b[2]))
}

// person makes somebody, in the directories of jadm and of Harbor.
func (tgt *target) person(id string) people.Person {
	tgt.Helper()
	p := people.Person{ID: id, Name: "山田 花子", Mail: strings.ToLower(id) + "@example.ac.jp", Language: "ja", UID: 1, GID: 1}
	tgt.directory.all[strings.ToLower(id)] = p
	if tgt.fake != nil {
		tgt.fake.AddUser(fakeharbor.User{Name: id, Password: password, Email: p.Mail})
		return p
	}
	conn, err := ldap.DialURL(os.Getenv("LDAP_URL"))
	if err != nil {
		tgt.Skipf("this Harbor's directory is not known: LDAP_URL: %v", err)
	}
	defer conn.Close()
	check(tgt.T, conn.Bind(os.Getenv("LDAP_ADMIN_DN"), os.Getenv("LDAP_ADMIN_PASSWORD")))
	dn := "uid=" + ldap.EscapeDN(id) + ",ou=people," + os.Getenv("LDAP_BASE")
	check(tgt.T, conn.Add(&ldap.AddRequest{DN: dn, Attributes: []ldap.Attribute{
		{Type: "objectClass", Vals: []string{"inetOrgPerson", "posixAccount", "shadowAccount"}}, {Type: "uid", Vals: []string{id}}, {Type: "cn", Vals: []string{p.Name}},
		{Type: "sn", Vals: []string{"x"}}, {Type: "mail", Vals: []string{p.Mail}}, {Type: "uidNumber", Vals: []string{"29999"}}, {Type: "gidNumber", Vals: []string{"5000"}},
		{Type: "homeDirectory", Vals: []string{"/"}}, {Type: "userPassword", Vals: []string{password}},
	}}))
	tgt.Cleanup(func() {
		tgt.forget(id)
		conn, err := ldap.DialURL(os.Getenv("LDAP_URL"))
		check(tgt.T, err)
		defer conn.Close()
		check(tgt.T, conn.Bind(os.Getenv("LDAP_ADMIN_DN"), os.Getenv("LDAP_ADMIN_PASSWORD")), conn.Del(&ldap.DelRequest{DN: dn}))
	})
	return p
}

// forget removes an account from a real Harbor.
func (tgt *target) forget(id string) {
	for u, err := range tgt.admin.Users(context.Background()) {
		if err != nil || !strings.EqualFold(u.Name, id) {
			continue
		}
		request, err := http.NewRequest(http.MethodDelete, fmt.Sprintf("%s/api/v2.0/users/%d", tgt.base, u.ID), http.NoBody)
		check(tgt.T, err)
		request.SetBasicAuth(os.Getenv("HARBOR_USER"), os.Getenv("HARBOR_PASSWORD"))
		resp, err := http.DefaultClient.Do(request)
		check(tgt.T, err)
		resp.Body.Close()
	}
}

// project makes a project, and removes it afterwards.
func (tgt *target) project(name string) string {
	tgt.Helper()
	check(tgt.T, tgt.admin.CreateProject(tgt.Context(), harbor.NewProject{Name: name}))
	tgt.remove(name)
	return name
}

// remove lets nothing of a project stay at a real Harbor.
func (tgt *target) remove(name string) {
	if tgt.fake != nil {
		return
	}
	tgt.Cleanup(func() {
		ctx := context.Background()
		for r, err := range tgt.admin.Repositories(ctx, name) {
			if err == nil {
				_ = tgt.admin.DeleteRepository(ctx, name, strings.TrimPrefix(r.Name, name+"/"))
			}
		}
		_ = tgt.admin.DeleteProject(ctx, name)
		if r, err := tgt.admin.SystemRobot(ctx, onboarding.RobotName(name)); err == nil {
			_ = tgt.admin.DeleteRobot(ctx, r.ID)
		}
	})
}

// onboarder is a jadm that has just been started.
func (tgt *target) onboarder() *onboarding.Onboarder {
	tgt.Helper()
	client := &http.Client{Transport: tgt.transport}
	user, secret := fakeharbor.AdminUser, fakeharbor.AdminPassword
	if tgt.fake == nil {
		user, secret = os.Getenv("HARBOR_USER"), os.Getenv("HARBOR_PASSWORD")
	}
	dir := state.Open(filepath.Join(tgt.dir, "state"))
	recorder := audit.Open(filepath.Join(tgt.dir, "audit.jsonl"), "test")
	post, err := notice.Open(notice.Options{
		Mail:     settings.Mail{Directory: filepath.Join(tgt.dir, "letters"), Site: "例大学 計算機室", Help: "help@example.ac.jp", Languages: "own"},
		Registry: "harbor.example.ac.jp", Language: "en", State: dir, Audit: recorder, Now: func() time.Time { return now },
	})
	check(tgt.T, err)
	return onboarding.New(onboarding.Options{
		Harbor:   harbor.New(harbor.Options{Base: tgt.base, HTTP: client, User: user, Password: secret, RetryDelay: time.Millisecond, RetryTotal: -1}),
		Registry: tgt.base.Host, Directory: tgt.directory, Place: tgt.place, Post: post, State: dir, Audit: recorder, Settings: tgt.settings,
	})
}

// auth is a file of logins: user and password by registry and project.
func auth(t testing.TB, file string) map[string]string {
	t.Helper()
	b, err := os.ReadFile(file)
	check(t, err)
	info, err := os.Stat(file)
	check(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %v", file, info.Mode())
	}
	return parseAuth(t, b)
}

func parseAuth(t testing.TB, b []byte) map[string]string {
	t.Helper()
	var content struct {
		Auths map[string]struct{ Auth string }
	}
	check(t, json.Unmarshal(bytes.TrimSpace(b), &content))
	all := map[string]string{}
	for key, entry := range content.Auths {
		plain, err := base64.StdEncoding.DecodeString(entry.Auth)
		check(t, err)
		all[key] = string(plain)
	}
	return all
}

// actions are those of steps.
func actions(all []onboarding.Step) []string {
	var names []string
	for _, s := range all {
		names = append(names, s.Action)
	}
	return names
}

// roles are the roles in a project, by name in lower case.
func (tgt *target) roles(project string) map[string]string {
	tgt.Helper()
	all := map[string]string{}
	for m, err := range tgt.admin.Members(tgt.Context(), project) {
		check(tgt.T, err)
		if m.Name != tgt.admin.User() {
			all[strings.ToLower(m.Name)] += m.Role.String()
		}
	}
	return all
}

// world is all of it that a person's onboarding has to do with.
func (tgt *target) world(p people.Person, shared ...string) string {
	tgt.Helper()
	var b strings.Builder
	project := strings.ToLower(p.ID)
	for _, name := range append([]string{project}, shared...) {
		fmt.Fprintln(&b, name, tgt.roles(name))
	}
	s, err := tgt.admin.Summary(tgt.Context(), project)
	check(tgt.T, err)
	fmt.Fprintln(&b, "quota", quantity.Size(s.Quota.Hard.StorageBytes))
	count := 0
	for r, err := range tgt.admin.SystemRobots(tgt.Context()) {
		check(tgt.T, err)
		if strings.HasSuffix(r.Name, onboarding.RobotName(project)) {
			count++
			var from []string
			for _, permission := range r.Permissions {
				from = append(from, permission.Project)
			}
			slices.Sort(from)
			fmt.Fprintln(&b, r.Name, from, r.Disabled)
		}
	}
	fmt.Fprintln(&b, count, "robots")
	return b.String()
}
