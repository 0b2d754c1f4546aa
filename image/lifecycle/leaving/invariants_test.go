package leaving

import (
	"maps"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/opencontainers/go-digest"
)

// watch looks at the world at each call: when the project is frozen, what it has must
// not be lost.
func (l *life) watch() {
	d := l.departure()
	if d == nil || l.seen[d.Stage] {
		return
	}
	l.seen[d.Stage] = true
	p := l.projects[who]
	switch {
	case d.Stage == Frozen && p != nil:
		for _, m := range d.Before.Members {
			l.members[m.Name] = m.Role
		}
		for repo, artifacts := range p.repos {
			for digest, a := range artifacts {
				l.owed[digest] = true
				for _, c := range a.children {
					l.owed[c] = true
				}
				for _, t := range a.tags {
					l.tags[repo+":"+t] = digest
				}
			}
		}
	case d.Stage == Removing:
		for digest := range l.site[who] {
			if l.jobs[digest] {
				l.bad("the removal begins, and a job runs in %s", digest)
			}
		}
	case d.Stage == HandedOver && d.Where.Project != "":
		to := l.projects[d.Where.Project]
		for _, i := range d.Images() {
			if to == nil || to.repos[prefix(d)+"/"+i.Repository][i.Digest] == nil {
				l.bad("%s was handed over, and is not at %s", i.key(), d.Where.Project)
			}
		}
	}
}

// checkAlways holds at every moment, also just after a kill.
func (l *life) checkAlways() {
	d := l.departure()
	if d == nil {
		return
	}
	own := l.projects[who]
	for digest := range l.owed {
		if own != nil && own.has(digest) {
			continue
		}
		switch {
		case d.Stage == Done, d.Stage == Closing, d.Stage == Returned:
			if !l.anywhere(digest) {
				l.bad("%s is lost", digest)
			}
			if _, cited := l.cited[digest]; cited && d.Stage == Done && !l.archived(digest) && !l.inHarbor(digest) {
				l.bad("%s is cited, and is neither in the archive nor in Harbor", digest)
			}
		case !l.inBundle(digest):
			l.bad("%s is neither in Harbor nor in a bundle (%s)", digest, d.Stage)
		}
	}
	if b := l.projects[boss]; b != nil && l.docs[kind+"/"+boss] == nil && b.repos["mine"] == nil {
		l.bad("the supervisor's own image is gone")
	}
}

func (l *life) inHarbor(d digest.Digest) bool {
	for _, p := range l.projects {
		if p.has(d) {
			return true
		}
	}
	return false
}

func (l *life) anywhere(d digest.Digest) bool {
	if l.inHarbor(d) || l.inBundle(d) {
		return true
	}
	for dir, b := range l.shelf { // the receiver's, who has left as well
		for _, i := range b.images {
			if b.whole && strings.Contains(dir, boss) && (i.Digest == d || slices.Contains(i.Children, d)) {
				return true
			}
		}
	}
	return false
}

func (l *life) archived(d digest.Digest) bool {
	for dir, b := range l.shelf {
		if strings.HasPrefix(dir, "/archive/") && slices.ContainsFunc(b.images, func(i Image) bool { return i.Digest == d || slices.Contains(i.Children, d) }) {
			return true
		}
	}
	return false
}

// checkDay holds after a round that has ended.
func (l *life) checkDay() {
	l.checkAlways()
	d := l.departure()
	if d == nil {
		return
	}
	l.checkLetters(d)
	own := l.projects[who]
	if d.Stage == Returned || d.Stage == Cancelled {
		l.checkReturned(d)
		return
	}
	if l.excused() || d.Stage == Returning { // it was ordered during the last call: the next round does it
		return
	}
	if len(d.Troubles) > 0 {
		l.bad("there is trouble for no reason: %+v", d.Troubles)
	}
	if len(d.Letters) > 0 {
		l.bad("letters were not sent: %+v", d.Letters)
	}
	waits := false
	for digest := range l.site[who] {
		waits = waits || l.jobs[digest]
	}
	if !l.now.Before(d.Date) && d.FrozenAt.IsZero() {
		l.bad("it should be frozen")
	}
	if d.Stage.atRest() && own != nil {
		for _, m := range own.members {
			if m.Name != "admin" && slices.Contains(canPush, m.Role) {
				l.bad("%s can push into a frozen project", m.Name)
			}
		}
		for _, r := range own.robots {
			if !r.Disabled {
				l.bad("the robot %s can push into a frozen project", r.Name)
			}
		}
	}
	if !l.now.Before(l.rules.due(d)) && !waits {
		l.checkRemoved(d)
	}
	if !d.Removed.IsZero() && !l.now.Before(l.rules.closes(d)) {
		if d.Stage != Done {
			l.bad("it should be done, and is %s", d.Stage)
		}
		for dir := range l.shelf {
			if strings.HasPrefix(dir, "/bundles/"+who) && !strings.Contains(dir, ".damaged") {
				l.bad("%s is kept past its deadline", dir)
			}
		}
	}
	for dir := range l.shelf {
		if strings.Contains(dir, who) && !strings.Contains(dir, ".damaged") && !slices.ContainsFunc(d.Bundles, func(b Bundle) bool { return b.Dir == dir }) {
			l.bad("nobody knows the bundle %s", dir)
		}
	}
}

// checkRemoved: nothing is kept past the deadline.
func (l *life) checkRemoved(d *Departure) {
	if l.projects[who] != nil {
		l.bad("the project is kept past its deadline, %s", l.rules.due(d))
	}
	if l.robots[who] {
		l.bad("the robot is kept past its deadline")
	}
	for name, p := range l.projects {
		if slices.ContainsFunc(p.members, func(m harbor.Member) bool { return m.Name == who }) {
			l.bad("the membership in %s is kept past its deadline", name)
		}
	}
	for digest := range l.site[who] {
		if !l.pinned[digest] {
			l.bad("%s is in the store past its deadline", digest)
		}
	}
	c, err := (&Office{Documents: fakeDocuments{&world{docs: l.docs}}}).Certificate(d.Key())
	if err != nil {
		l.bad("there is no certificate: %v", err)
		return
	}
	if len(c.Images) != len(d.Images()) {
		l.bad("the certificate has %d of %d images", len(c.Images), len(d.Images()))
	}
	if len(c.Acts) == 0 {
		l.bad("the certificate names no acts")
	}
	if to := d.Choice.Admins["lab"]; to != "" && !slices.ContainsFunc(l.projects["lab"].members, func(m harbor.Member) bool { return m.Name == to && m.Role == harbor.ProjectAdmin }) {
		l.bad("%s is no admin of lab", to)
	}
}

// checkReturned: everything is as it was, once; later its owner may do anything.
func (l *life) checkReturned(d *Departure) {
	if l.seen["checked"] {
		return
	}
	l.seen["checked"] = true
	own := l.projects[who]
	if own == nil {
		l.bad("the project is not back")
		return
	}
	for digest := range l.owed {
		if !own.has(digest) && !l.removed[digest] {
			l.bad("%s is not back", digest)
		}
	}
	for tag, digest := range l.tags {
		repo, name, _ := strings.Cut(tag, ":")
		if a := own.repos[repo][digest]; !l.removed[digest] && (a == nil || !slices.Contains(a.tags, name)) {
			l.bad("the tag %s is not back at %s", tag, digest)
		}
	}
	if n := len(slices.DeleteFunc(slices.Clone(own.rules), func(r harbor.ImmutableRule) bool { return r.Disabled })); n != l.ruled {
		l.bad("of %d rules of immutable tags %d are on: %+v", l.ruled, n, own.rules)
	}
	for name, role := range l.members {
		if !slices.ContainsFunc(own.members, func(m harbor.Member) bool { return m.Name == name && m.Role == role }) {
			l.bad("%s is no %s any more: %+v", name, role, own.members)
		}
	}
	for _, m := range l.beforeOf(d) {
		p := l.projects[m.Project]
		if p != nil && !slices.ContainsFunc(p.members, func(is harbor.Member) bool { return is.Name == who && is.Role == m.Role }) {
			l.bad("the role in %s is not back", m.Project)
		}
	}
	if d.RemoveAt.IsZero() {
		for _, r := range own.robots {
			if r.Disabled != strings.HasSuffix(r.Name, "old") {
				l.bad("the robot %s is not as it was", r.Name)
			}
		}
		if !l.robots[who] {
			l.bad("the person's robot is not enabled")
		}
	}
	for dir := range l.shelf {
		if strings.HasPrefix(dir, "/bundles/"+who) && !strings.Contains(dir, ".damaged") {
			l.bad("%s is left over", dir)
		}
	}
}

func (l *life) beforeOf(d *Departure) []Membership {
	if d.Before == nil {
		return nil
	}
	return d.Before.Memberships
}

// checkLetters: none is sent twice, and no two of one notice.
func (l *life) checkLetters(d *Departure) {
	perDate := map[string]int{}
	for _, key := range slices.Sorted(maps.Keys(l.sent)) {
		letter := l.sent[key]
		if l.delivery[key] != 1 {
			l.bad("the letter %s was sent %d times", key, l.delivery[key])
		}
		if letter.Kind == letterNotice && letter.To.ID == who {
			perDate[letter.Facts.Date]++
		}
	}
	if d.Date.Sub(d.Ordered) < 30*24*3600e9 && perDate[d.Date.Format(dateLayout)] > 3 {
		l.bad("a late order has %d notices", perDate[d.Date.Format(dateLayout)])
	}
	certificates := 0
	for name := range l.docs {
		if strings.HasPrefix(name, certificate+"/"+who) {
			certificates++
		}
	}
	if certificates > 1 {
		l.bad("there are %d certificates", certificates)
	}
}
