package leaving

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/opencontainers/go-digest"
)

// leavers is how many are simulated; JRUN_SOAK multiplies it.
const leavers = 60

func soak(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("JRUN_SOAK"))
	if err != nil || n < 1 {
		return 1
	}
	t.Logf("JRUN_SOAK=%d", n)
	return n
}

func seed(t *testing.T) uint64 {
	s := uint64(time.Now().UnixNano())
	if given, err := strconv.ParseUint(os.Getenv("JRUN_SEED"), 10, 64); err == nil {
		s = given
	}
	t.Logf("JRUN_SEED=%d", s)
	return s
}

// TestLeavers lives the time of many leavers, each in a world of its own where all kinds
// of things go wrong, and kills the process before and after each call that it makes: no
// image is lost, and none is kept past its deadline.
func TestLeavers(t *testing.T) {
	s := seed(t)
	var kills, rounds, returned, removed, late int
	for n := range leavers * soak(t) {
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
	s := seed(t)
	worlds, lives := 1, 0
	for n := range worlds * soak(t) {
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

// plan fills the calendar of the world with what happens.
func (l *life) plan(chance func(int) bool) {
	days := []int{0, 1, 10, 33, 95, 110}[l.rng.IntN(6)]
	order := Order{ID: who, Date: l.midnight(days), By: "suzuki"}
	if chance(30) {
		order.Choice.Admins = map[string]string{"lab": colleague}
	}
	l.on(0, func() { l.order(order) })
	end := days + 65
	if days > 10 && chance(20) {
		l.on(l.rng.IntN(days), func() { l.order(Order{ID: who, Date: l.midnight(days - 5 + l.rng.IntN(20)), By: "suzuki"}) })
	}
	if chance(35) {
		l.on(l.rng.IntN(end), func() { l.orReturn(chance(50)) })
	}
	if chance(15) {
		l.on(l.rng.IntN(end), func() { l.order(Order{ID: boss, Date: l.midnight(l.day + l.rng.IntN(40)), By: "suzuki"}) })
	}
	for _, what := range []*bool{&l.down.harbor, &l.down.mail, &l.down.disk, &l.down.directory, &l.down.audit} {
		if chance(30) {
			from := l.rng.IntN(end)
			l.on(from, func() { *what = true })
			l.on(from+1+l.rng.IntN(8), func() { *what = false })
		}
	}
	if chance(30) {
		from := days + l.rng.IntN(35)
		l.on(from, func() { l.jobs = maps.Clone(l.site[who]) })
		l.on(from+1+l.rng.IntN(9), func() { l.jobs = map[digest.Digest]bool{} })
	}
	if chance(20) {
		l.on(l.rng.IntN(end), l.cite)
	}
	if l.small {
		l.on(days+1+l.rng.IntN(35), l.makeRoom)
	}
	for range l.rng.IntN(4) {
		l.on(days+l.rng.IntN(36), func() { l.later(l.pushLate) })
	}
	if chance(50) {
		l.on(days+30, func() { l.later(l.pushLate) }) // the day of the removal
	}
	if chance(25) {
		l.on(days+l.rng.IntN(30), func() { l.later(l.removeEarly) })
	}
	if chance(20) {
		l.on(days+l.rng.IntN(30), l.damage)
	}
	if chance(15) {
		l.on(days+l.rng.IntN(30), func() { l.addMemberOnce(who, "late", harbor.Maintainer) })
	}
}

func (l *life) midnight(days int) time.Time {
	return time.Date(2027, 1, 1+days, 0, 0, 0, 0, time.UTC)
}

func (l *life) on(day int, what func()) { l.events[day] = append(l.events[day], what) }

// later lets something happen during one of the next calls, not between rounds.
func (l *life) later(what func()) { l.inside = append(l.inside, what) }

// quietly does something that is no part of a round: nothing is killed.
func (l *life) quietly(what func(o *Office)) {
	point, locks := l.point, l.locked
	l.point = func(string, bool) {}
	what(l.office(l.rules))
	l.point, l.locked = point, locks
}

func (l *life) order(o Order) {
	l.quietly(func(office *Office) {
		d, _ := office.Departure(o.ID)
		if d != nil && d.Stage != Scheduled {
			o.Date = time.Time{}
			return
		}
		if d == nil && l.projects[o.ID] == nil || notPast(o.Date, l.now, o.ID) != nil {
			return
		}
		if _, err := office.Leave(l.Context(), l.now, o); err != nil && !l.anythingDown() {
			l.bad("ordering %s: %v", o.ID, err)
		}
		if err := office.Documents.Load(kind, o.ID, &Departure{}); err != nil && o.ID == who && l.day < 20 { // refused in an outage: somebody tries again
			l.on(l.day+1, func() { l.order(o) })
		}
	})
}

func (l *life) orReturn(inside bool) {
	back := func() {
		l.quietly(func(office *Office) {
			d, err := office.Departure(who)
			if err != nil || d.Stage == Closing || d.Stage.Over() {
				return
			}
			_, err = office.Return(l.now, who, "suzuki")
			if err != nil && !l.anythingDown() {
				l.bad("returning: %v", err)
			}
			l.stays = l.stays || err == nil
		})
	}
	if inside {
		l.later(back)
		return
	}
	back()
}

// cite cites one of the leaver's images, wherever it is.
func (l *life) cite() {
	all := slices.Sorted(maps.Keys(l.owed))
	if len(all) > 0 && !l.over() {
		l.cited[all[l.rng.IntN(len(all))]] = "another paper"
	}
}

func (l *life) makeRoom() {
	l.small = false
	if b := l.projects[boss]; b != nil {
		b.quota = -1
	}
}

// pushLate is somebody whose token is still valid, or an administrator.
func (l *life) pushLate() {
	p, d := l.projects[who], l.departure()
	if p == nil || d == nil || d.FrozenAt.IsZero() || d.Stage == Returning || d.Stage.Over() || d.Stage == Removed {
		return
	}
	l.pushes++
	repo := []string{"app", "new"}[l.rng.IntN(2)]
	tag := []string{"", "1", "late"}[l.rng.IntN(3)]
	pushed := p.push(repo, tag, 1, 7000+l.pushes)
	l.owed[pushed] = true
	if tag != "" {
		l.tags[repo+":"+tag] = pushed
	}
}

// removeEarly is an administrator, or a rule of Harbor's, that removes a bundled image.
func (l *life) removeEarly() {
	p := l.projects[who]
	if p == nil || len(l.owed) == 0 || !l.departure().Stage.atRest() {
		return
	}
	for repo, artifacts := range p.repos {
		for d := range artifacts {
			if l.inBundle(d) {
				l.removed[d] = true
				delete(p.repos[repo], d)
				for tag, of := range l.tags {
					if of == d {
						delete(l.tags, tag)
					}
				}
				return
			}
		}
	}
}

// damage flips a bit of a bundle whose images are all in Harbor still.
func (l *life) damage() {
	p := l.projects[who]
	for _, dir := range slices.Sorted(maps.Keys(l.shelf)) {
		b := l.shelf[dir]
		if p == nil || !strings.Contains(dir, who) || slices.ContainsFunc(b.images, func(i Image) bool { return p.repos[i.Repository][i.Digest] == nil }) {
			continue
		}
		if d := l.departure(); d != nil && d.RemoveAt.IsZero() && d.Stage != Returning && !d.Stage.Over() {
			b.damaged = true
		}
		return
	}
}

func (l *life) addMemberOnce(project, name string, role harbor.Role) {
	if d := l.departure(); l.projects[project] != nil && d != nil && d.Stage.atRest() {
		l.addMember(project, name, harbor.UserMember, role)
	}
}

func (l *life) anythingDown() bool {
	return l.down.harbor || l.down.mail || l.down.disk || l.down.directory || l.down.audit
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
