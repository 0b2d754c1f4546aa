package desired

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/integration/campaign"
)

// errKilled is what a killed jadm would not see.
var errKilled = errors.New("killed")

// killer lets some requests through, and then none: as if jadm had been killed, before
// the request left or before its answer came.
type killer struct {
	mu    sync.Mutex
	left  int
	after bool // the last request arrives, and its answer is lost
	once  bool // only this request fails, as when a connection breaks
	// died is called when the process would have died: nothing that is written
	// afterwards must count.
	died func()
}

func (k *killer) RoundTrip(r *http.Request) (*http.Response, error) {
	k.mu.Lock()
	k.left--
	left := k.left
	k.mu.Unlock()
	switch {
	case left >= 0 || left < -1 && k.once:
		return http.DefaultTransport.RoundTrip(r)
	case left == -1 && k.after:
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err == nil {
			resp.Body.Close()
		}
	}
	if left == -1 && !k.once {
		k.died()
	}
	return nil, errKilled
}

// before and after are two files; the way from the one to the other makes, changes and removes
// everything.
const before = `
[webhook.jadm]
address = "http://127.0.0.1:9/old"
[webhook.old]
address = "http://127.0.0.1:9/other"
[lab.a]
quota = "20G"
guests = ["u001", "u003"]
immutable_tags = ["v*", "old*"]
robot.ci = {rights = ["pull", "push"], days = 200}
robot.old = {}
harbor_retention = {keep_latest = 1}
[lab.gone]
`

const after = `
[webhook.jadm]
address = "http://127.0.0.1:9/new"
secret_file = "SECRET"
[lab.a]
quota = "10G"
severity = "high"
guests = ["u001", "cn=lab-suzuki,ou=groups,dc=univ,dc=example"]
developers = ["u003", "suzuki"]
immutable_tags = ["v*", "new*"]
robot.ci = {}
robot.new = {}
[lab.b]
public = true
harbor_retention = {keep_latest = 3}
guests = ["everybody"]
[people]
groups = ["cn=lab-suzuki,ou=groups,dc=univ,dc=example"]
robot.nodes = {}
`

var crashProjects = []string{"a", "b", "gone", "suzuki", "theirs", "u001"}

// crashWorld has been made what before says, with something of others in it.
func crashWorld(t *testing.T) *world {
	w := newWorld(t)
	w.apply(before, Options{})
	w.fake.AddProject(fakeharbor.Project{Name: "theirs"})
	w.fake.AddMember("a", "u005", fakeharbor.Maintainer)
	w.fake.AddRobot(fakeharbor.Robot{Project: "a", Name: "theirs"})
	return w
}

// TestInterrupted kills applying at each of its requests (at a quarter of them without
// JRUN_SOAK), and runs it again: the end is
// the same, jadm owns all that it made and nothing else, and all robots can log in.
func TestInterrupted(t *testing.T) {
	text := withSecret(t, after)
	o := Options{Prune: true}
	w := crashWorld(t)
	w.apply(text, o)
	want, wantOwned := w.snapshot(crashProjects...), ownedNames(w)
	stride := campaign.Slice(4, 1)
	for i, mode := range []struct{ after, once bool }{{}, {after: true}, {once: true}, {true, true}} {
		for n := i; ; n += stride {
			name := fmt.Sprintf("request %d, after %v, once %v", n, mode.after, mode.once)
			w := crashWorld(t)
			remains := memoryDir(t)
			k := &killer{left: n, after: mode.after, once: mode.once, died: func() { w.check(os.CopyFS(remains, os.DirFS(w.state.Path()))) }}
			w.transport = k
			_, err := w.site(text).Apply(context.Background(), o, nil, nil)
			if k.left >= 0 {
				w.check(err)
				break
			}
			if !errors.Is(err, errKilled) && !mode.once {
				t.Fatalf("%s: the error is %v", name, err)
			}
			w.transport = http.DefaultTransport
			if !mode.once {
				w.state = state.Open(remains)
			}
			w.apply(text, o)
			w.wantNothing(text, o)
			if diff := cmp.Diff(want, w.snapshot(crashProjects...)); diff != "" {
				t.Fatalf("%s (-want +got):\n%s", name, diff)
			}
			if diff := cmp.Diff(wantOwned, ownedNames(w)); diff != "" {
				t.Fatalf("%s: jadm owns (-want +got):\n%s", name, diff)
			}
			w.wantLogins(name)
			w.fake.Close()
		}
	}
}

// ownedNames are what jadm owns, without ids; all must have one. What was removed
// while nobody could write it down is forgotten by the next look at Harbor.
func ownedNames(w *world) map[string][]string {
	all := map[string][]string{}
	a, err := Read(context.Background(), w.client(), whole(crashProjects))
	w.check(err)
	for project, o := range must(LoadOwned(w.state)) {
		if o = o.settle(a.Projects[project], a.Account); !o.has() {
			continue
		}
		names := []string{fmt.Sprintf("made %v by us %v for %s", o.Made, o.ID != 0, o.Person)}
		for _, kind := range []map[string]int64{o.Members, o.Webhooks, o.Immutable} {
			for _, name := range sortedKeys(kind) {
				names = append(names, fmt.Sprintf("%s known %v", name, kind[name] != 0))
			}
		}
		for _, name := range sortedKeys(o.Robots) {
			names = append(names, fmt.Sprintf("robot %s known %v kept %v", name, o.Robots[name].ID != 0, o.Robots[name].Kept))
		}
		names = append(names, fmt.Sprintf("retention %v", o.Retention != nil && *o.Retention != 0))
		all[project] = names
	}
	return all
}

// wantLogins checks that what was kept of each robot is its secret now.
func (w *world) wantLogins(when string) {
	w.Helper()
	a, err := Read(context.Background(), w.client(), whole(crashProjects))
	w.check(err)
	checked := 0
	for project, o := range must(LoadOwned(w.state)) {
		o = o.settle(a.Projects[project], a.Account)
		for name := range o.Robots {
			c := w.kept[name+" of "+o.Project]
			if _, there := a.Projects[o.Project].robots[name]; !there {
				w.Errorf("%s: jadm owns the robot %s, which is not there", when, name)
			}
			_, err := harbor.New(harbor.Options{Base: w.base, User: c.User, Password: c.Password}).CurrentUser(context.Background())
			if harbor.Status(err) != http.StatusPreconditionFailed {
				w.Errorf("%s: the robot %s of %s cannot log in: %v", when, name, o.Project, err)
			}
			checked++
		}
	}
	if checked != strings.Count(after, "robot.") {
		w.Errorf("%s: there are %d robots", when, checked)
	}
}
