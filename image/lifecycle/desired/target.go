package desired

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
)

// Population is the people and groups that a plan is about.
type Population struct {
	// Known is false when the site has named no directory: nobody is checked then, and
	// everybody is nobody.
	Known  bool
	People []people.Person
	// Groups are those of the file that the directory has, as the file calls them.
	Groups map[string]people.Group
	// Missing are groups of the file that the directory does not have.
	Missing []string
}

// target is a project as it should be.
type target struct {
	name      string
	person    string // ID of whose project it is
	rules     Rules
	members   map[memberKey]wanted
	robots    map[string]*Robot
	webhooks  map[string]*Webhook
	exclusive bool
	// lost is a group of the file whose people are wanted one by one, and that the directory
	// does not have now; empty for none.
	lost string
}

// wanted is a membership as it should be.
type wanted struct {
	name string // ID or DN, as it is written
	role harbor.Role
	rank int // of how it was said: the lowest wins
	// leave reports that nothing is done about a group that the directory has not.
	leave bool
	// ended says why the person gets nothing, or nothing any more.
	ended string
}

// How somebody became a member; what is said of a person alone counts more than what
// is said of many.
const (
	byName = iota
	byGroup
	asEverybody
)

// resolver makes targets of a file.
type resolver struct {
	file     *File
	now      time.Time
	all      Population
	byID     map[string]people.Person // in lower case
	missing  map[string]bool
	problems []Problem
}

// targets are all projects that should be, by name.
func (r *resolver) targets() map[string]*target {
	r.byID, r.missing = map[string]people.Person{}, map[string]bool{}
	for _, p := range r.all.People {
		r.byID[strings.ToLower(p.ID)] = p
	}
	for _, name := range r.all.Missing {
		r.missing[name] = true
	}
	targets := map[string]*target{}
	for _, projects := range []map[string]*Project{r.file.Shared, r.file.Labs} {
		for _, name := range sortedKeys(projects) {
			p := projects[name]
			targets[name] = &target{
				name: name, rules: p.Rules, robots: p.Robots, webhooks: r.webhooks(p.Rules), exclusive: p.Exclusive,
				members: r.members("project "+name, p.Members), lost: r.lost(p.Members),
			}
		}
	}
	if r.file.People != nil {
		r.addPersons(targets)
	}
	return targets
}

func (r *resolver) webhooks(rules Rules) map[string]*Webhook {
	if rules.Webhooks == nil {
		return r.file.Webhooks
	}
	some := map[string]*Webhook{}
	for _, name := range *rules.Webhooks {
		some[name] = r.file.Webhooks[name]
	}
	return some
}

// addPersons adds a project for each person who should have one.
func (r *resolver) addPersons(targets map[string]*target) {
	role, _ := parseRole(r.file.People.Role) // which parse has checked
	common, lost := r.members("people", r.file.People.Members), r.lost(r.file.People.Members)
	r.checkGroupsOfPeople()
	for _, p := range r.all.People {
		if p.Ended(r.now) || !r.hasProject(p) {
			continue
		}
		name := projectOf(p.ID)
		if err := checkName("project", name); err != nil {
			r.problem("person "+p.ID, err.Error(), "add the ID to except in [people]; the person can be a member of other projects")
			continue
		}
		if other := targets[name]; other != nil {
			r.problem("person "+p.ID, fmt.Sprintf("the project %s is %s, too", name, other.owner()), "rename the project, or add the ID to except in [people]")
			continue
		}
		rules := r.file.rulesOf(p.ID)
		t := &target{name: name, person: p.ID, rules: rules, robots: r.file.People.Robots, webhooks: r.webhooks(rules), members: map[memberKey]wanted{}, lost: lost}
		for key, w := range common {
			t.members[key] = w
		}
		t.members[userKey(p.ID)] = wanted{name: p.ID, role: role}
		targets[name] = t
	}
}

// owner is whose project it is.
func (t *target) owner() string {
	if t.person != "" {
		return t.person + "'s"
	}
	return "one of the file's"
}

func (r *resolver) hasProject(p people.Person) bool {
	template := r.file.People
	if slices.ContainsFunc(template.Except, func(id string) bool { return strings.EqualFold(id, p.ID) }) {
		return false
	}
	return len(template.Groups) == 0 || slices.ContainsFunc(template.Groups, func(group string) bool {
		return slices.ContainsFunc(p.Groups, func(of string) bool { return sameGroup(group, of) })
	})
}

// sameGroup compares DNs, or names as a CSV file has them, in any case.
func sameGroup(a, b string) bool {
	if isDN(a) && isDN(b) {
		return normalDN(a) == normalDN(b)
	}
	return strings.EqualFold(a, b)
}

// checkGroupsOfPeople finds groups of [people] that nobody is in: a mistyped one would
// leave everybody without a project, and nobody would be told.
func (r *resolver) checkGroupsOfPeople() {
	for _, group := range r.file.People.Groups {
		example := ""
		found := slices.ContainsFunc(r.all.People, func(p people.Person) bool {
			if len(p.Groups) > 0 && example == "" {
				example = ", such as " + p.Groups[0]
			}
			return slices.ContainsFunc(p.Groups, func(of string) bool { return sameGroup(group, of) })
		})
		if !found {
			r.problem("group "+group+" of people", "nobody whom the directory knows is in it, and nobody gets a project for it",
				"correct it, or remove it from the file; write groups as the directory does"+example)
		}
	}
}

// members resolves the entries of the lists; of several that mean one person, the one
// that says it most plainly counts, then the highest role.
func (r *resolver) members(subject string, m Members) map[memberKey]wanted {
	members := map[memberKey]wanted{}
	add := func(key memberKey, w wanted) {
		if old, ok := members[key]; ok && old.rank <= w.rank {
			return
		}
		members[key] = w
	}
	for _, list := range m.lists() {
		for _, entry := range list.entries {
			group, isGroup := expanded(entry)
			switch {
			case entry == everybody:
				for _, p := range r.all.People {
					add(userKey(p.ID), r.person(p, list.role, asEverybody))
				}
			case isGroup:
				r.checkGroup(subject, group)
				for _, id := range r.all.Groups[group].Members {
					if p, ok := r.byID[strings.ToLower(id)]; ok {
						add(userKey(id), r.person(p, list.role, byGroup))
					}
				}
			case isDN(entry):
				add(groupKey(entry), wanted{name: r.spelling(entry), role: list.role, leave: !r.checkGroup(subject, entry)})
			default:
				if id, isLocal := local(entry); isLocal {
					add(userKey(id), wanted{name: id, role: list.role})
					continue
				}
				add(userKey(entry), r.named(subject, entry, list.role))
			}
		}
	}
	return members
}

// lost is the first group whose people are wanted one by one and that the directory does
// not have.
func (r *resolver) lost(m Members) string {
	for _, list := range m.lists() {
		for _, entry := range list.entries {
			if group, ok := expanded(entry); ok && r.missing[group] {
				return group
			}
		}
	}
	return ""
}

// spelling is a group's DN as the directory writes it: Harbor finds it in no other.
func (r *resolver) spelling(dn string) string {
	if own := r.all.Groups[dn].DN; isDN(own) {
		return own
	}
	return dn
}

func (r *resolver) person(p people.Person, role harbor.Role, rank int) wanted {
	w := wanted{name: p.ID, role: role, rank: rank}
	if p.Ended(r.now) {
		w.ended = endOf(p, r.now)
	}
	return w
}

// unknownAccount is why somebody gets nothing.
const unknownAccount = "the directory does not know the account"

func endOf(p people.Person, now time.Time) string {
	if !p.Expires.IsZero() && !now.Before(p.Expires) {
		return "the account ended on " + p.Expires.Format(time.DateOnly)
	}
	return "the account is locked"
}

// named is somebody whom the file names.
func (r *resolver) named(subject, id string, role harbor.Role) wanted {
	if p, ok := r.byID[strings.ToLower(id)]; ok {
		return r.person(p, role, byName)
	}
	w := wanted{name: id, role: role}
	if r.all.Known {
		w.ended = unknownAccount
		r.problem(fmt.Sprintf("member %s of %s", id, subject), "the directory knows nobody of this name", "correct the name, or remove it from the file; write local:"+id+" if it is an account of Harbor's own")
	}
	return w
}

func (r *resolver) checkGroup(subject, group string) bool {
	if r.missing[group] {
		r.problem(fmt.Sprintf("group %s of %s", group, subject), "the directory has no such group", "correct the name, or remove it from the file")
	}
	return !r.missing[group]
}

func (r *resolver) problem(subject, why, next string) {
	p := Problem{Subject: subject, Why: why, Next: next}
	if !slices.Contains(r.problems, p) {
		r.problems = append(r.problems, p)
	}
}
