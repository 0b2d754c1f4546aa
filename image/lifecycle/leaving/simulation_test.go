package leaving

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/integration/campaign"
	"github.com/opencontainers/go-digest"
)

// leavers is how many are simulated; JRUN_SOAK multiplies it.
const leavers = 60

// TestLeavers lives the time of many leavers, each in a world of its own where all kinds
// of things go wrong, and kills the process before and after each call that it makes: no
// image is lost, and none is kept past its deadline.
func TestLeavers(t *testing.T) {
	s := campaign.Seed(t)
	var kills, rounds, returned, removed, late int
	for n := range leavers * campaign.Times(t) {
		l := newLife(t, rand.New(rand.NewPCG(s, uint64(n))), fmt.Sprintf("leaver %d", n))
		l.killEverywhere()
		l.live()
		kills, rounds = kills+l.kills, rounds+l.rounds
		returned, removed, late = returned+l.count(Returned, Cancelled), removed+l.count(Done), late+l.pushes
		if t.Failed() {
			t.Fatalf("the first to fail is leaver %d of seed %d", n, s)
		}
	}
	t.Logf("%d rounds, %d kills, %d left, %d came back, %d pushes into frozen projects", rounds, kills, removed, returned, late)
	if kills == 0 || returned == 0 || removed == 0 || late == 0 {
		t.Error("the simulation does not try what it should")
	}
}

// TestOneKill kills each leaver's process once only, at each call in turn: what it does
// next is not hidden by further kills.
func TestOneKill(t *testing.T) {
	s := campaign.Seed(t)
	worlds, lives := 1, 0
	for n := range worlds * campaign.Times(t) {
		for at := 1; ; at++ {
			l := newLife(t, rand.New(rand.NewPCG(s, uint64(n))), fmt.Sprintf("leaver %d, killed at %d", n, at))
			l.killAt(at)
			l.live()
			lives++
			if t.Failed() {
				t.Fatalf("the first to fail is leaver %d of seed %d, killed at %d", n, s, at)
			}
			if l.kills == 0 || at > 1500 {
				break
			}
		}
	}
	t.Logf("%d lives", lives)
}

// life is the time of one leaver.
type life struct {
	*testing.T
	*world
	name   string
	rules  Rules
	day    int
	kills  int
	rounds int
	pushes int
	events map[int][]func()
	inside []func() // happen during a call, when the moment comes
	again  func(call string, after bool)

	stays   bool                     // jadm user return was typed
	small   bool                     // the supervisor's quota is too small
	ruled   int                      // rules of immutable tags
	owed    map[digest.Digest]bool   // must not be lost
	tags    map[string]digest.Digest // repository:tag
	members map[string]harbor.Role   // of the leaver's project, when it was frozen
	seen    map[Stage]bool
	removed map[digest.Digest]bool // by an administrator, from the frozen project
	lastBad string
	decoded string     // the document that was decoded last
	last    *Departure // and what it says
}

const who, boss, colleague = "u001", "s001", "c001"

// newLife makes a world by the dice.
func newLife(t *testing.T, rng *rand.Rand, name string) *life {
	l := &life{T: t, world: newWorld(rng), name: name, rules: testRules(), events: map[int][]func(){}, owed: map[digest.Digest]bool{}, tags: map[string]digest.Digest{}, members: map[string]harbor.Role{}, seen: map[Stage]bool{}, removed: map[digest.Digest]bool{}}
	l.now = time.Date(2027, 1, 1, 9, 30, 0, 0, time.UTC)
	chance := func(percent int) bool { return rng.IntN(100) < percent }
	for _, id := range []string{who, boss, colleague} {
		l.people[id] = people.Person{ID: id, Name: "Name of " + id, Mail: id + "@example.ac.jp", Supervisor: boss}
	}
	if chance(15) {
		p := l.people[who]
		p.Supervisor = ""
		l.people[who] = p
	}
	own := l.addProject(who, -1)
	l.addMember(who, who, harbor.UserMember, harbor.ProjectAdmin)
	l.addMember(who, colleague, harbor.UserMember, harbor.Developer)
	l.addMember(who, "group", harbor.GroupMember, harbor.Maintainer)
	own.robots = []*harbor.Robot{{ID: l.id(), Name: "robot$u001+nodes"}, {ID: l.id(), Name: "robot$u001+old", Disabled: true}}
	if chance(40) {
		rule := harbor.ImmutableTags([]string{"1", "**"}[rng.IntN(2)])
		rule.ID = l.id()
		own.rules, l.ruled = []harbor.ImmutableRule{rule}, 1
	}
	l.robots[who] = true
	l.site[who] = map[digest.Digest]bool{}
	for n := range rng.IntN(6) {
		repo := []string{"app", "cfd/solver", "x"}[rng.IntN(3)]
		d := own.push(repo, []string{"", "1", "2", "latest"}[rng.IntN(4)], 1, 2, 10+rng.IntN(3), 100+n)
		if chance(20) {
			own.repos[repo][d].children = []digest.Digest{digest.FromString(fmt.Sprint("child", n))}
		}
		if chance(50) {
			l.site[who][d] = true
		}
		if chance(10) {
			l.cited[d], l.pinned[d] = "a paper", true
		}
	}
	if chance(85) {
		b := l.addProject(boss, -1)
		b.push("mine", "1", 5, 6)
		if l.small = chance(20); l.small {
			b.quota = 250
		}
	}
	l.addProject("lab", -1)
	l.addMember("lab", who, harbor.UserMember, []harbor.Role{harbor.ProjectAdmin, harbor.Developer, harbor.Guest}[rng.IntN(3)])
	if chance(30) {
		l.addProject("archive", -1)
		l.rules.ArchiveProject = "archive"
	}
	l.rules.HandOver = []string{ToSupervisor, ToSupervisor, ToArchive, ToBoth}[rng.IntN(4)]
	l.plan(chance)
	return l
}

// killEverywhere ends the process before and after each call, the first time it is made.
func (l *life) killEverywhere() {
	done := map[string]int{}
	l.again = func(call string, after bool) {
		most := 1
		if strings.HasPrefix(call, "Save") {
			most = 4 // a stage is saved several times, with different things done
		}
		key := fmt.Sprint(call, after)
		if done[key]++; done[key] <= most {
			panic(killed{key})
		}
	}
}

// killAt ends it once, at the nth call.
func (l *life) killAt(n int) {
	points := 0
	l.again = func(call string, _ bool) {
		if points++; points == n {
			panic(killed{call})
		}
	}
}

// live lets the days pass until nothing is left to do.
func (l *life) live() {
	const lastDay = 320
	for ; l.day < lastDay; l.day++ {
		l.now = time.Date(2027, 1, 1+l.day, 9, 30, 0, 0, time.UTC)
		for _, what := range l.events[l.day] {
			what()
		}
		l.round()
		l.checkDay()
		if l.Failed() {
			return
		}
		if l.day > 200 && l.over() {
			if l.stays && l.count(Returned, Cancelled) == 0 {
				l.bad("who stays has left")
			}
			return
		}
	}
	l.bad("it is not over after %d days: %+v", lastDay, l.departure())
}

// round runs until it has not been killed.
func (l *life) round() {
	for tries := 0; ; tries++ {
		if tries > 20000 {
			l.bad("it is killed for ever")
			return
		}
		l.rounds++
		if !l.process() {
			return
		}
		l.kills++
		l.checkAlways()
		if l.Failed() {
			return
		}
	}
}

// process is one process; it reports whether it was killed.
func (l *life) process() (dead bool) {
	defer func() {
		l.point = func(string, bool) {}
		if r := recover(); r != nil {
			k, ok := r.(killed)
			if !ok {
				panic(r)
			}
			l.lastBad, dead = k.at, true
		}
	}()
	l.point = func(call string, after bool) {
		if len(l.inside) > 0 && l.rng.IntN(6) == 0 && !l.locked[kind] {
			what := l.inside[0]
			l.inside = l.inside[1:]
			what()
		}
		l.watch()
		if l.again != nil {
			l.again(call, after)
		}
	}
	err := l.office(l.rules).Round(l.Context(), l.now)
	if err != nil && !l.excused() {
		l.bad("a round with nothing in its way fails: %v", err)
	}
	return false
}

// excused reports whether something is in the way of a round.
func (l *life) excused() bool {
	if l.anythingDown() || l.small {
		return true
	}
	for _, b := range l.shelf {
		if b.damaged {
			return true
		}
	}
	return false
}

func (l *life) departure() *Departure {
	if string(l.docs[kind+"/"+who]) == l.decoded {
		return l.last
	}
	l.decoded, l.last = string(l.docs[kind+"/"+who]), l.decode()
	return l.last
}

func (l *life) decode() *Departure {
	d, err := (&Office{Documents: fakeDocuments{&world{docs: l.docs}}}).Departure(who)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		l.bad("the document: %v", err)
	}
	if err != nil {
		return nil
	}
	return d
}

func (l *life) over() bool {
	for name, b := range l.docs {
		if strings.HasPrefix(name, kind+"/") && !strings.Contains(string(b), `"stage":"done"`) && !strings.Contains(string(b), `"stage":"returned"`) && !strings.Contains(string(b), `"stage":"cancelled"`) {
			return false
		}
	}
	return true
}

func (l *life) count(stages ...Stage) int {
	if d := l.departure(); d != nil && slices.Contains(stages, d.Stage) {
		return 1
	}
	return 0
}

func (l *life) bad(format string, args ...any) {
	l.Helper()
	l.Errorf("%s, day %d, last killed at %q: %s", l.name, l.day, l.lastBad, fmt.Sprintf(format, args...))
}

func (l *life) inBundle(d digest.Digest) bool {
	for dir, b := range l.shelf {
		if b.whole && !b.damaged && strings.Contains(dir, who) {
			for _, i := range b.images {
				if i.Digest == d || slices.Contains(b.content[i.key()].children, d) {
					return true
				}
			}
		}
	}
	return false
}
