package leaving

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/opencontainers/go-digest"
)

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
	if p.holds(repo, tag) {
		return // Harbor refuses it
	}
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
			if l.inBundle(d) && !p.immutable(artifacts[d]) {
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
