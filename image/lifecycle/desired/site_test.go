package desired

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
)

// full has one of everything.
const full = `
[retention]
keep_last = 5

[webhook.jadm]
address = "http://127.0.0.1:9/webhook"
secret_file = "SECRET"

[shared.base]
public = true
guests = ["everybody"]
admins = ["suzuki"]
immutable_tags = ["v*"]
robot.mirror = { rights = ["pull", "artifact:read"], days = -1 }

[lab.lab-suzuki]
quota = "200G"
severity = "high"
scan_on_push = true
cosign = true
maintainers = ["suzuki"]
developers = ["cn=lab-suzuki,ou=groups,dc=univ,dc=example", "u001"]
guests = ["group:cfd"]
harbor_retention = { keep_latest = 10, keep_tags = ["v*", "release"], cron = "0 30 3 * * *" }

[people]
quota = "20G"
robot.nodes = {}

[person.u003]
quota = "none"
webhooks = []
`

// withSecret writes a webhook's secret, and its place into text.
func withSecret(t testing.TB, text string) string {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("hook-key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(text, "SECRET", file)
}

func TestApply(t *testing.T) {
	w := newWorld(t)
	text := withSecret(t, full)
	golden(t, "first.txt", lines(w.plan(text, Options{})))
	w.apply(text, Options{})
	if got := lines(w.plan(text, Options{})); got != "Nothing to do: Harbor is as the file says.\n" {
		t.Errorf("a second plan:\n%s", got)
	}
	golden(t, "after.txt", describe(w.snapshot("base", "lab-suzuki", "u001", "u002", "u003", "u004", "20260001")))
	if _, err := w.client().Project(t.Context(), "u004"); harbor.Status(err) != http.StatusNotFound {
		t.Errorf("who has left got a project: %v", err)
	}
	nodes := w.kept["nodes of 20260001"]
	if nodes.User != "robot$20260001+nodes" || nodes.Person != "20260001" || nodes.Password == "" {
		t.Errorf("the robot's login is %+v", nodes)
	}
	robot := harbor.New(harbor.Options{Base: w.base, User: nodes.User, Password: nodes.Password})
	if _, err := robot.CurrentUser(t.Context()); harbor.Status(err) != http.StatusPreconditionFailed {
		t.Errorf("the robot cannot log in: %v", err)
	}
}

func describe(snapshot map[string][]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(snapshot)) {
		fmt.Fprintf(&b, "%s\n", name)
		for _, fact := range snapshot[name] {
			fmt.Fprintf(&b, "\t%s\n", fact)
		}
	}
	return b.String()
}

// TestSpelling: however the file writes a group, Harbor is asked for it as the directory
// writes it.
func TestSpelling(t *testing.T) {
	w := newWorld(t)
	w.apply("[lab.a]\nguests = [\"cn=lab-suzuki,ou=groups,dc=univ,dc=example\"]\n", Options{})
	const other = "[lab.a]\nguests = [\"CN=Lab-Suzuki, OU=groups,dc=univ,dc=example\"]\n"
	w.wantNothing(other, Options{})
	w.apply(other+"[lab.b]\nguests = [\"CN=Lab-Suzuki, OU=groups,dc=univ,dc=example\"]\n", Options{})
	if facts := w.snapshot("b")["b"]; !slices.Contains(facts, "member g "+groupDN+" guest") {
		t.Errorf("there is %q", facts)
	}
}

// TestForeign: what others have made waits for a word, and survives.
func TestForeign(t *testing.T) {
	w := newWorld(t)
	w.fake.AddProject(fakeharbor.Project{Name: "lab-suzuki", Severity: "low", Immutable: []string{"old*"}, QuotaBytes: 900e9})
	w.fake.AddMember("lab-suzuki", "u005", fakeharbor.Maintainer)
	w.fake.AddMember("lab-suzuki", "u001", fakeharbor.ProjectAdmin)
	w.fake.AddRobot(fakeharbor.Robot{Project: "lab-suzuki", Name: "ci"})
	w.fake.AddProject(fakeharbor.Project{Name: "other"})
	const text = `
[lab.lab-suzuki]
quota = "200G"
severity = "high"
developers = ["u001", "suzuki"]
robot.ci = {}
robot.own = {}
`
	before := w.snapshot("lab-suzuki", "other")
	golden(t, "foreign.txt", lines(w.plan(text, Options{})))
	w.apply(text, Options{})
	w.apply(text, Options{Prune: true})
	if diff := cmp.Diff(before, w.snapshot("lab-suzuki", "other")); diff != "" {
		t.Errorf("without --adopt (-want +got):\n%s", diff)
	}
	golden(t, "adopt.txt", lines(w.plan(text, Options{Adopt: true})))
	w.apply(text, Options{Adopt: true})
	golden(t, "adopted.txt", lines(w.plan(text, Options{})))
	golden(t, "adopted-state.txt", describe(w.snapshot("lab-suzuki")))
	w.apply(text, Options{Prune: true})
	w.wantNothing(text, Options{Adopt: true, Prune: true})
	golden(t, "pruned-state.txt", describe(w.snapshot("lab-suzuki")))

	exclusive := strings.Replace(text, "quota", "exclusive = true\nquota", 1)
	golden(t, "exclusive.txt", lines(w.plan(exclusive, Options{Prune: true})))
	w.apply(exclusive, Options{Prune: true})
	w.wantNothing(exclusive, Options{Prune: true})
}

// TestDrift: what somebody changed of jadm's is mended; whom an owner invited stays.
func TestDrift(t *testing.T) {
	w := newWorld(t)
	const text = `
[lab.lab]
quota = "200G"
public = false
scan_on_push = true
guests = ["u001", "u003", "u005"]
immutable_tags = ["v*"]
robot.ci = {}
[people]
except = ["suzuki"]
`
	w.apply(text, Options{})
	w.fake.AddMember("lab", "suzuki", fakeharbor.Developer) // invited
	w.fake.AddMember("lab", "u001", fakeharbor.Maintainer)  // AddMember adds anew: somebody else's membership
	for m, err := range w.client().Members(t.Context(), "lab") {
		w.check(err)
		if m.Name == "u003" {
			w.check(w.client().UpdateMember(t.Context(), "lab", m.ID, harbor.Developer))
		}
	}
	w.fake.RemoveMember("lab", "u005")
	w.fake.AddMember("u001", "u003", fakeharbor.Developer)
	w.fake.SetMetadata("lab", "public", "true")
	w.fake.SetMetadata("lab", "auto_scan", "false")
	w.fake.SetQuota("lab", 300e9)
	w.fake.SetImmutable("lab")
	w.fake.DeleteRobot("robot$lab+ci")
	golden(t, "drift.txt", lines(w.plan(text, Options{})))
	w.apply(text, Options{})
	w.wantNothing(text, Options{})
	const less = `
[lab.lab]
guests = ["u003"]
[people]
except = ["suzuki", "u001"]
`
	golden(t, "less.txt", lines(w.plan(less, Options{})))
	w.apply(less, Options{})
	w.wantNothing(less, Options{})
	golden(t, "less-state.txt", describe(w.snapshot("lab", "u001")))
}

// TestEnded: who has left, or is lost by the directory, loses nothing without a word.
func TestEnded(t *testing.T) {
	w := newWorld(t)
	const text = "[shared.base]\nguests = [\"everybody\"]\n[lab.lab]\ndevelopers = [\"u001\", \"u003\"]\n[people]\n"
	w.apply(text, Options{})
	before := w.snapshot("base", "lab", "u001", "u003")
	w.directory.people[0].Disabled = true                                        // u001
	w.directory.people = slices.Delete(w.directory.people, 2, 3)                 // u003
	w.directory.people[3].Expires = time.Date(2026, 4, 30, 0, 0, 0, 0, time.UTC) // u005
	w.now = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	golden(t, "ended.txt", lines(w.plan(text, Options{})))
	w.apply(text, Options{})
	if diff := cmp.Diff(before, w.snapshot("base", "lab", "u001", "u003")); diff != "" {
		t.Errorf("without --prune (-want +got):\n%s", diff)
	}
	w.apply(text, Options{Prune: true})
	after := w.snapshot("base", "lab", "u001", "u003")
	for _, project := range []string{"u001", "u003"} {
		if diff := cmp.Diff(before[project], after[project]); diff != "" {
			t.Errorf("the project of who has left (-want +got):\n%s", diff)
		}
	}
	for _, fact := range slices.Concat(after["base"], after["lab"]) {
		if strings.HasPrefix(fact, "member u u00") {
			t.Errorf("there still is: %s", fact)
		}
	}
	w.directory.people = nil
	if p := w.plan(text, Options{}); len(p.Changes) > 0 {
		t.Errorf("with an empty directory:\n%s", lines(p))
	}
	w.directory.broken = errors.New("the directory is down")
	if _, err := w.site(text).Plan(t.Context(), Options{}); !errors.Is(err, w.directory.broken) {
		t.Errorf("with a broken directory: %v", err)
	}
}

// TestDeleteProject: only what jadm made, only when it is empty, only with --prune.
func TestDeleteProject(t *testing.T) {
	w := newWorld(t)
	w.fake.AddProject(fakeharbor.Project{Name: "theirs"})
	w.apply("[lab.a]\n[lab.b]\n[lab.theirs]\n[people]\n", Options{Adopt: true})
	w.fake.PushManifest("b/app", "1", "application/vnd.oci.image.manifest.v1+json", []byte(`{"schemaVersion":2}`))
	golden(t, "delete.txt", lines(w.plan("", Options{})))
	w.apply("", Options{})
	if n := len(w.snapshot("a", "b", "theirs", "u001")); n != 4 {
		t.Errorf("without --prune %d of 4 are left", n)
	}
	w.apply("", Options{Prune: true})
	left := slices.Sorted(maps.Keys(w.snapshot("a", "b", "theirs", "u001")))
	if diff := cmp.Diff([]string{"b", "theirs", "u001"}, left); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	if owned := must(LoadOwned(w.state)); owned["a"].has() {
		t.Error("jadm still owns what is gone")
	}
	// A project of the same name that somebody makes later is not jadm's.
	w.fake.AddProject(fakeharbor.Project{Name: "a"})
	if p := w.plan("", Options{Prune: true}); len(p.Changes) > 0 {
		t.Errorf("somebody's project is jadm's:\n%s", lines(p))
	}
}

// TestScope: one person's part of it, as jadm user add does it.
func TestScope(t *testing.T) {
	w := newWorld(t)
	text := withSecret(t, full)
	one := Options{Scope: Scope{Person: "20260001"}}
	golden(t, "scope-early.txt", lines(w.plan(text, one)))
	w.apply(text, one)
	if owned := must(LoadOwned(w.state)); len(owned) != 1 || !owned["20260001"].Made {
		t.Errorf("jadm owns %+v", owned)
	}
	w.apply(strings.Replace(text, `["everybody"]`, "[]", 1), Options{})
	golden(t, "scope.txt", lines(w.plan(text, one)))
	w.apply(text, one)
	w.wantNothing(text, one)
	for _, fact := range w.snapshot("base")["base"] {
		if strings.Contains(fact, "u001") {
			t.Errorf("another person is a member: %s", fact)
		}
	}
	if _, err := w.site(text).Plan(t.Context(), Options{Scope: Scope{Person: "nobody"}}); !errors.Is(err, people.ErrUnknown) {
		t.Errorf("of nobody: %v", err)
	}
	w.wantNothing(text, Options{Scope: Scope{Person: "u004"}})
	site := w.site("[lab.x]\n")
	site.Directory = nil
	for _, o := range []Options{one, {Scope: Scope{}}} {
		if _, err := site.Plan(t.Context(), o); (err == nil) != (o == Options{}) {
			t.Errorf("%s without a directory: %v", o.Scope, err)
		}
	}
}

// TestFailures: one that fails holds up nothing but what needs it.
func TestFailures(t *testing.T) {
	w := newWorld(t)
	w.fake.AddUser(fakeharbor.User{Name: "zwin", Password: "x", Email: "u001@example.org"})
	w.directory.people = append(w.directory.people, people.Person{ID: "zwin"}, people.Person{ID: "Bad__Name"})
	w.directory.groups["cn=unknown"] = nil
	const text = `
[lab.a]
developers = ["u001", "zwin", "cn=unknown", "nobody", "cn=lost", "group:none"]
guests = ["u003"]
[people]
`
	reported := 0
	plan, err := w.site(text).Apply(t.Context(), Options{}, nil, func(Change, error) { reported++ })
	var said []string
	for _, f := range Failures(err) {
		said = append(said, f.Error())
	}
	golden(t, "failures.txt", strings.Join(said, "\n")+"\n\n"+lines(plan))
	if reported != len(plan.Changes) {
		t.Errorf("%d of %d changes are reported", reported, len(plan.Changes))
	}
	after := w.snapshot("a")["a"]
	if !slices.Contains(after, "member u u003 guest") || !slices.Contains(after, "member u u001 developer") {
		t.Errorf("others were held up: %v", after)
	}
	for _, o := range must(LoadOwned(w.state)) {
		for key, id := range o.Members {
			if id == 0 && key != "g:cn=unknown" {
				t.Errorf("jadm still believes that it may have added %s to %s", key, o.Project)
			}
		}
	}
}

// spy keeps what the audit log is told.
type spy struct {
	mu  sync.Mutex
	all []string
}

func (s *spy) Do(act audit.Act, do func() error) error {
	s.mu.Lock()
	s.all = append(s.all, fmt.Sprintf("%+v", act))
	s.mu.Unlock()
	return do()
}

// TestAudited: every request that changes something is within an act, and no act,
// error or document tells a secret.
func TestAudited(t *testing.T) {
	w := newWorld(t)
	log := &spy{}
	w.recorder = log
	text := withSecret(t, full)
	w.apply(text, Options{})
	changing := 0
	for _, r := range w.fake.TakeRequests() {
		if r.Method != http.MethodGet {
			changing++
		}
	}
	if len(log.all) < changing {
		t.Errorf("%d acts for %d requests that change something", len(log.all), changing)
	}
	told := strings.Join(log.all, "\n")
	err := filepath.Walk(w.state.Path(), func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			told += string(must(os.ReadFile(path)))
		}
		return err
	})
	w.check(err)
	secrets := []string{"hook-key"}
	for _, c := range w.kept {
		secrets = append(secrets, c.Password)
		told += fmt.Sprintf("%v %+v %#v %s", c, c, c, c)
	}
	for _, secret := range secrets {
		if strings.Contains(told, secret) {
			t.Errorf("the secret %q is told", secret)
		}
	}
}

// TestLostGroup: a group that the directory has lost takes nothing from its people without
// a word, and says so.
func TestLostGroup(t *testing.T) {
	w := newWorld(t)
	const text = "[lab.lab]\ndevelopers = [\"group:cfd\"]\nguests = [\"everybody\"]\n[lab.other]\nguests = [\"group:cfd\"]\n"
	w.apply(text, Options{})
	before := w.snapshot("lab", "other")
	lost := w.directory.groups["cfd"]
	delete(w.directory.groups, "cfd")
	plan := w.apply(text, Options{})
	if diff := cmp.Diff(before, w.snapshot("lab", "other")); diff != "" {
		t.Errorf("without the group (-want +got):\n%s", diff)
	}
	if len(plan.Held) != 4 || !strings.Contains(lines(plan), "the directory does not have the group cfd") {
		t.Errorf("it says:\n%s", lines(plan))
	}
	w.directory.groups["cfd"] = lost
	w.wantNothing(text, Options{Prune: true})
	// A group that somebody has left is another matter.
	w.directory.groups["cfd"] = []string{"u001"}
	w.apply(text, Options{})
	if facts := w.snapshot("other")["other"]; slices.Contains(facts, "member u U002 guest") || !slices.Contains(facts, "member u u001 guest") {
		t.Errorf("there is %q", facts)
	}
}

// TestGroupsOfPeople: a group of [people] that nobody is in leaves people without a project;
// that is said.
func TestGroupsOfPeople(t *testing.T) {
	w := newWorld(t)
	for name, problems := range map[string]int{groupDN: 0, "CN=Lab-Suzuki, OU=groups,dc=univ,dc=example": 0, "lab-suzuki": 1, "cn=none,ou=groups,dc=univ,dc=example": 1} {
		plan := w.plan("[people]\ngroups = [\""+name+"\"]\n", Options{})
		if len(plan.Problems) != problems {
			t.Errorf("%s:\n%s", name, lines(plan))
		}
		if problems > 0 && !strings.Contains(lines(plan), "such as "+groupDN) {
			t.Errorf("it does not say how groups are written:\n%s", lines(plan))
		}
	}
}

// TestCompanions: a plan of one person has those who belong to everybody's project, too.
func TestCompanions(t *testing.T) {
	for name, members := range map[string]string{
		"people": `admins = ["suzuki", "nobody"]`, "a group's people": `guests = ["group:cfd"]`, "everybody": `guests = ["everybody"]`, "a group": `guests = ["` + groupDN + `"]`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			text := "[people]\n" + members + "\n"
			one := Options{Scope: Scope{Person: "u003"}}
			w.apply(text, one)
			alone := w.snapshot("u003")
			w.apply(text, Options{})
			if diff := cmp.Diff(w.snapshot("u003"), alone); diff != "" {
				t.Errorf("of everybody, and of one (-want +got):\n%s", diff)
			}
			one.Prune = true
			w.wantNothing(text, one)
			if _, err := w.client().Project(t.Context(), "u005"); err != nil {
				t.Error(err)
			}
		})
	}
}
