package desired

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
)

var somebody = []people.Person{{ID: "u001"}, {ID: "20260001", Groups: []string{"CN=cfd, dc=x"}}, {ID: "A\x1b[31m"}, {ID: "gone", Disabled: true}, {ID: "lab"}}

// TestPeople: who gets a project.
func TestPeople(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"all":      {"[people]\n", []string{"20260001", "lab", "u001"}},
		"but one":  {"[people]\nexcept = [\"U001\"]\n", []string{"20260001", "lab"}},
		"a group":  {"[people]\ngroups = [\"cn=cfd,dc=x\"]\n", []string{"20260001"}},
		"no group": {"[people]\ngroups = [\"cfd\"]\n", nil},
		"taken":    {"[lab.lab]\n[people]\n", []string{"20260001", "lab", "u001"}},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := parse(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			q := Question{File: f, Actual: &Actual{}, Population: Population{Known: true, People: somebody}}
			if got := sortedKeys(q.Needs()); !slices.Equal(got, tt.want) {
				t.Errorf("projects are %q", got)
			}
			plan := Diff(q)
			if taken := slices.ContainsFunc(plan.Problems, func(p Problem) bool { return p.Subject == "person lab" }); taken != (name == "taken") {
				t.Errorf("problems are %+v", plan.Problems)
			}
		})
	}
}

// TestPrecedence: what is said of a person alone counts before what is said of a group,
// and that before what is said of everybody.
func TestPrecedence(t *testing.T) {
	f, err := parse("[lab.x]\nadmins = [\"group:boss\"]\ndevelopers = [\"everybody\"]\nlimited_guests = [\"u001\"]\nguests = [\"group:cfd\", \"local:ci\"]\n")
	if err != nil {
		t.Fatal(err)
	}
	some := []people.Person{{ID: "u001"}, {ID: "u002"}, {ID: "u003"}, {ID: "boss"}}
	groups := map[string]people.Group{"boss": {Members: []string{"boss", "U001"}}, "cfd": {Members: []string{"u002", "boss", "stranger"}}}
	plan := Diff(Question{File: f, Actual: &Actual{}, Population: Population{Known: true, People: some, Groups: groups}})
	var got []string
	for _, c := range plan.Changes[1:] {
		got = append(got, c.Line())
	}
	want := []string{
		"+ member boss of x: project admin", "+ member ci of x: guest", "+ member u001 of x: limited guest",
		"+ member u002 of x: guest", "+ member u003 of x: developer",
	}
	if !slices.Equal(got, want) {
		t.Errorf("members are %q", got)
	}
}

// TestStable: the same question has the same answer, in the same order, as text and as
// JSON, which has no nulls where lists are expected.
func TestStable(t *testing.T) {
	f, err := parse(full)
	if err != nil {
		t.Fatal(err)
	}
	q := Question{File: f, Actual: &Actual{}, Population: Population{Known: true}, Now: time.Unix(0, 0)}
	for i := range 300 {
		q.Population.People = append(q.Population.People, people.Person{ID: fmt.Sprintf("u%03d", i)})
	}
	first := lines(Diff(q))
	slices.Reverse(q.Population.People)
	if second := lines(Diff(q)); second != first {
		t.Error("the order depends on that of the people")
	}
	b, err := json.Marshal(Diff(Question{File: &File{}, Actual: &Actual{}}))
	if err != nil || string(b) != `{"changes":[],"held":[],"problems":[]}` {
		t.Errorf("an empty plan is %s, %v", b, err)
	}
}

// TestText: names from outside steer no terminal, and colours are for terminals only.
func TestText(t *testing.T) {
	p := Plan{
		Changes:  []Change{{Subject: "member a\x1b[2J\nb of c", Before: "x", rank: rankMember}},
		Problems: []Problem{{Subject: "person \x07", Why: "no\nname", Next: "ask"}},
	}
	plain := lines(p)
	if strings.ContainsAny(plain, "\x1b\x07") || strings.Count(plain, "\n") != 7 {
		t.Errorf("it is %q", plain)
	}
	var b strings.Builder
	if err := p.Write(&b, true); err != nil || !strings.HasPrefix(b.String(), "\x1b[31m- member a\uFFFD[2J b of c: x\x1b[0m\n") {
		t.Errorf("in colour it is %q, %v", b.String(), err)
	}
}

func TestNormalDN(t *testing.T) {
	if a, b := normalDN("CN=Lab Suzuki, OU = groups,dc=x"), normalDN("cn=lab suzuki,ou=groups,DC=x"); a != b {
		t.Errorf("%q is not %q", a, b)
	}
	if a, b := normalDN("cn=labsuzuki,dc=x"), normalDN("cn=lab suzuki,dc=x"); a == b {
		t.Errorf("%q is one", a)
	}
}

func TestLower(t *testing.T) {
	for _, tt := range []struct {
		a, b harbor.Role
		want bool
	}{
		{harbor.Guest, harbor.Developer, true}, {harbor.Developer, harbor.Guest, false}, {harbor.Maintainer, harbor.ProjectAdmin, true},
		{harbor.Guest, harbor.Guest, false}, {harbor.LimitedGuest, harbor.Guest, true}, {harbor.ProjectAdmin, harbor.Role(9), true},
	} {
		if got := lower(tt.a, tt.b); got != tt.want {
			t.Errorf("%v is lower than %v: %v", tt.a, tt.b, got)
		}
	}
}

// TestNeeds: what is neither wanted nor jadm's is not asked for.
func TestNeeds(t *testing.T) {
	f, err := parse("[lab.lab]\ndevelopers = [\"u001\"]\n[lab.bare]\n[lab.sole]\nexclusive = true\n[people]\nrobot.nodes = {}\n")
	if err != nil {
		t.Fatal(err)
	}
	id := int64(7)
	q := Question{
		File: f, Population: Population{Known: true, People: []people.Person{{ID: "u001"}}},
		Owned: map[string]Owned{"bare": {Project: "bare", Made: true, Webhooks: map[string]int64{"h": 1}, Retention: &id}, "old": {Project: "old", Made: true, Immutable: map[string]int64{"v*": 1}}},
	}
	want := map[string]Parts{
		"lab": {Members: true}, "bare": {Webhooks: true, Retention: true}, "old": {Immutable: true}, "u001": {Members: true, Robots: true},
		"sole": {Members: true, Robots: true, Webhooks: true, Immutable: true},
	}
	if diff := cmp.Diff(want, q.Needs()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
