package desired

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
)

// directory is one in memory.
type directory struct {
	people []people.Person
	groups map[string][]string
	broken error
}

func (d *directory) Person(_ context.Context, id string) (people.Person, error) {
	for _, p := range d.people {
		if strings.EqualFold(p.ID, id) {
			return p, d.broken
		}
	}
	return people.Person{}, fmt.Errorf("looking up %q: %w", id, people.ErrUnknown)
}

func (d *directory) People(context.Context) iter.Seq2[people.Person, error] {
	return func(yield func(people.Person, error) bool) {
		for _, p := range d.people {
			if !yield(p, nil) {
				return
			}
		}
		if d.broken != nil {
			yield(people.Person{}, d.broken)
		}
	}
}

func (d *directory) Group(_ context.Context, dn string) (people.Group, error) {
	for own, members := range d.groups {
		if sameGroup(own, dn) {
			return people.Group{DN: own, Members: members}, d.broken
		}
	}
	return people.Group{}, people.ErrUnknown
}

// world is a site with a fake Harbor, or a real one.
type world struct {
	testing.TB
	fake      *fakeharbor.Server // nil for a real one
	base      *url.URL
	user      string
	password  string
	transport http.RoundTripper
	directory *directory
	state     state.Dir
	kept      map[string]Credential // by robot and project
	now       time.Time
	recorder  audit.Recorder
}

const groupDN = "cn=lab-suzuki,ou=groups,dc=univ,dc=example"

// newWorld has some people: u001 to u005, of whom u004 has left; suzuki and a student
// with a number for a name.
func newWorld(t testing.TB) *world {
	fake := fakeharbor.New(fakeharbor.Options{})
	t.Cleanup(fake.Close)
	return worldOf(t, fake)
}

func worldOf(t testing.TB, fake *fakeharbor.Server) *world {
	w := &world{
		TB: t, fake: fake, base: must(url.Parse(fake.URL)), user: fakeharbor.AdminUser, password: fakeharbor.AdminPassword,
		transport: http.DefaultTransport, state: state.Open(memoryDir(t)), kept: map[string]Credential{}, now: time.Now(), recorder: audit.None{},
	}
	w.directory = &directory{groups: map[string][]string{groupDN: {"suzuki"}, "cfd": {"u001", "U002", "gone"}}}
	for _, id := range []string{"u001", "U002", "u003", "u004", "u005", "suzuki", "20260001"} {
		p := people.Person{ID: id, Name: id, Mail: id + "@example.org"}
		if id == "u004" {
			p.Expires = time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC)
		}
		if id == "suzuki" {
			p.Groups = []string{groupDN}
		}
		w.directory.people = append(w.directory.people, p)
		fake.AddUser(fakeharbor.User{Name: id, Password: "x", Email: p.Mail, Groups: p.Groups})
	}
	return w
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (w *world) check(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) client() *harbor.Client {
	return harbor.New(harbor.Options{Base: w.base, HTTP: &http.Client{Transport: w.transport}, User: w.user, Password: w.password, RetryTotal: -1})
}

// site reads text as a desired.toml.
func (w *world) site(text string) *Site {
	w.Helper()
	file := filepath.Join(w.TempDir(), "desired.toml")
	w.check(os.WriteFile(file, []byte(text), 0o600))
	f, err := Load(file)
	w.check(err)
	return &Site{
		File: f, Client: w.client(), Directory: w.directory, State: w.state, Recorder: w.recorder, Now: func() time.Time { return w.now },
		Keep: func(_ context.Context, c Credential) error {
			w.kept[c.Robot+" of "+c.Project] = c
			return nil
		},
	}
}

// apply applies and wants no failure.
func (w *world) apply(text string, o Options) Plan {
	w.Helper()
	plan, err := w.site(text).Apply(context.Background(), o, nil, nil)
	w.check(err)
	return plan
}

func (w *world) plan(text string, o Options) Plan {
	w.Helper()
	plan, err := w.site(text).Plan(context.Background(), o)
	w.check(err)
	return plan
}

// lines are what a plan says.
func lines(p Plan) string {
	var b strings.Builder
	if err := p.Write(&b, false); err != nil {
		panic(err)
	}
	return b.String()
}

func (w *world) wantNothing(text string, o Options) {
	w.Helper()
	if p := w.plan(text, o); len(p.Changes) > 0 {
		w.Errorf("it is not enough:\n%s", lines(p))
	}
}

// whole is all of some projects.
func whole(names []string) map[string]Parts {
	all := map[string]Parts{}
	for _, name := range names {
		all[name] = Parts{true, true, true, true, true}
	}
	return all
}

// snapshot is what Harbor has, without ids and times.
func (w *world) snapshot(names ...string) map[string][]string {
	w.Helper()
	c := harbor.New(harbor.Options{Base: w.base, User: w.user, Password: w.password})
	a, err := Read(context.Background(), c, whole(names))
	w.check(err)
	all := map[string][]string{}
	for name, p := range a.Projects {
		facts := []string{fmt.Sprintf("quota %d", p.Quota.Hard.StorageBytes)}
		for _, r := range (Rules{}).switches() {
			facts = append(facts, r.key+" "+valueOf(p.Metadata, r.key))
		}
		for _, m := range p.members {
			facts = append(facts, fmt.Sprintf("member %s %s %s", m.Kind, m.Name, m.Role))
		}
		for name, r := range p.robots {
			facts = append(facts, fmt.Sprintf("robot %s %s %d %v", name, rights(accessOf(r)), r.Days, r.Disabled))
		}
		for _, h := range p.Webhooks {
			facts = append(facts, fmt.Sprintf("webhook %s %+v", describeWebhook(h), h.Targets))
		}
		for _, r := range p.Immutable {
			facts = append(facts, fmt.Sprintf("immutable %+v %v", r.Tags, r.Disabled))
		}
		if p.Retention != nil {
			facts = append(facts, describeRetention(*p.Retention))
		}
		slices.Sort(facts)
		all[name] = facts
	}
	return all
}
