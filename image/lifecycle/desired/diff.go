package desired

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Scope bounds a plan to one person: the project that is the person's own, and the
// person's memberships in the others. The zero value is everything.
type Scope struct{ Person string }

// RobotOf is a robot of a project.
type RobotOf struct{ Project, Robot string }

// Question is all that a plan depends on.
type Question struct {
	File       *File
	Actual     *Actual
	Owned      map[string]Owned
	Population Population
	Lost       map[RobotOf]bool // robots whose login was kept and is not there any more
	Now        time.Time
	Scope      Scope
	Adopt      bool // take over what the file names and jadm did not make
	Prune      bool // take away what jadm did not give, and empty projects
}

// resolve is what should be.
func (q Question) resolve() (map[string]*target, []Problem) {
	r := resolver{file: q.File, now: q.Now, all: q.Population}
	targets := r.targets()
	return targets, r.problems
}

// Needs are the projects that Actual must have for the question to be answered: those
// of the file and the people, and those that jadm has made; and what it must have of each.
// What neither should be nor is jadm's makes no difference, and is not asked for. Actual
// is not used.
func (q Question) Needs() map[string]Parts {
	targets, _ := q.resolve()
	needs := map[string]Parts{}
	for name, t := range targets {
		if q.about(t) || q.owns(name) {
			needs[name] = t.parts().and(q.Owned[name].parts())
		}
	}
	for name, o := range q.Owned {
		if targets[name] == nil && o.Person == "" && q.owns(name) {
			needs[name] = o.parts()
		}
	}
	return needs
}

// parts are those that the target is compared with. In a project that is exclusive
// anything may be too much, but for Harbor's own policy.
func (t *target) parts() Parts {
	return Parts{
		Members: t.exclusive || len(t.members) > 0, Robots: t.exclusive || len(t.robots) > 0, Webhooks: t.exclusive || len(t.webhooks) > 0,
		Immutable: t.exclusive || len(t.rules.ImmutableTags) > 0, Retention: t.rules.HarborRetention != nil,
	}
}

// parts are those without which jadm would forget what it has made.
func (o Owned) parts() Parts {
	return Parts{
		Members: len(o.Members) > 0, Robots: len(o.Robots) > 0, Webhooks: len(o.Webhooks) > 0,
		Immutable: len(o.Immutable) > 0, Retention: o.Retention != nil,
	}
}

func (p Parts) and(o Parts) Parts {
	return Parts{
		Members: p.Members || o.Members, Robots: p.Robots || o.Robots, Webhooks: p.Webhooks || o.Webhooks,
		Immutable: p.Immutable || o.Immutable, Retention: p.Retention || o.Retention,
	}
}

// about reports whether a target is within the scope.
func (q Question) about(t *target) bool {
	if q.Scope.Person == "" || strings.EqualFold(t.person, q.Scope.Person) {
		return true
	}
	_, member := t.members[userKey(q.Scope.Person)]
	return member
}

// owns reports whether jadm has made something in a project that is within the scope.
func (q Question) owns(project string) bool {
	if q.Scope.Person == "" {
		return true
	}
	_, member := q.Owned[project].Members[string(userKey(q.Scope.Person))]
	return member
}

// Diff is what has to be done so that Harbor is as the file says. It depends on
// nothing but q, and q.Actual must have all that q.Needs.
func Diff(q Question) Plan {
	targets, problems := q.resolve()
	plan := Plan{Changes: []Change{}, Held: []Change{}, Problems: []Problem{}}
	for _, p := range problems {
		if q.Scope.Person == "" || strings.HasPrefix(p.Subject+" ", "person "+q.Scope.Person+" ") || strings.HasPrefix(p.Subject, "member "+q.Scope.Person+" of ") {
			plan.Problems = append(plan.Problems, p)
		}
	}
	known := map[string]bool{}
	for _, p := range q.Population.People {
		known[string(userKey(p.ID))] = true
	}
	for _, name := range sortedKeys(targets) {
		t := targets[name]
		if !q.about(t) && !q.owns(name) {
			continue
		}
		d := &differ{Question: q, plan: &plan, target: t, actual: q.Actual.Projects[name], known: known}
		d.owned = q.Owned[name].settle(d.actual, q.Actual.Account)
		d.owned.Project = name
		d.all()
	}
	if q.Scope.Person == "" {
		for _, name := range sortedKeys(q.Owned) {
			if targets[name] == nil {
				q.leftOver(&plan, q.Owned[name])
			}
		}
	}
	plan.sort()
	return plan
}

// differ compares one project.
type differ struct {
	Question
	plan   *Plan
	target *target
	actual *ActualProject // nil if Harbor has none
	owned  Owned          // settled
	known  map[string]bool
}

// foreign reports whether somebody else made the project.
func (d *differ) foreign() bool { return d.actual != nil && !d.owned.has() }

// all compares everything that the scope has.
func (d *differ) all() {
	whole := d.Scope.Person == "" || strings.EqualFold(d.target.person, d.Scope.Person)
	switch {
	case whole:
		d.project()
		if d.actual != nil {
			d.rules()
			d.quota()
		}
		d.members("")
		d.robots()
		d.webhooks()
		d.immutable()
		d.retention()
	case d.actual == nil || d.foreign() && !d.Adopt:
		d.plan.Problems = append(d.plan.Problems, Problem{
			Subject: fmt.Sprintf("member %s of %s", d.Scope.Person, d.target.name),
			Why:     "the project is not there yet, or not jadm's", Next: "jadm plan, and then jadm apply",
		})
	default:
		d.members(userKey(d.Scope.Person))
	}
}

// add puts a change into the plan, or holds it back.
func (d *differ) add(c Change) {
	c.Project = d.target.name
	allowed := c.Needs != NeedsPrune || d.Prune
	if d.foreign() {
		allowed = allowed && d.Adopt
		if c.Needs == "" {
			c.Needs = NeedsAdopt
		}
	}
	if c.Needs == NeedsAdopt && !d.Adopt {
		allowed = false
	}
	if allowed {
		d.plan.Changes = append(d.plan.Changes, c)
	} else {
		d.plan.Held = append(d.plan.Held, c)
	}
}

// leftOver is about a project that jadm has made and that the file does not name any
// more. Projects of people are left alone: package leaving knows what becomes of them.
func (q Question) leftOver(plan *Plan, owned Owned) {
	p := q.Actual.Projects[owned.Project]
	owned = owned.settle(p, q.Actual.Account)
	if p == nil || !owned.Made || owned.Person != "" {
		return
	}
	if p.Repositories > 0 {
		plan.Problems = append(plan.Problems, Problem{
			Subject: "project " + p.Name, Why: fmt.Sprintf("it is not in the file any more, but has %d repositories, and stays", p.Repositories),
			Next: "put it back into the file, or remove its repositories by hand",
		})
		return
	}
	c := Change{
		Kind: "project.delete", Project: p.Name, Subject: "project " + p.Name, Before: "empty", Needs: NeedsPrune,
		Reason: "it is not in the file any more", rank: rankDelete, act: deleteProject{},
	}
	if q.Prune {
		plan.Changes = append(plan.Changes, c)
	} else {
		plan.Held = append(plan.Held, c)
	}
}

// members compares memberships; only one of them if only is not empty.
func (d *differ) members(only memberKey) {
	keys := sortedKeys(d.target.members)
	if d.actual != nil {
		keys = append(keys, sortedKeys(d.actual.members)...)
	}
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		if only == "" || only == key {
			d.member(key)
		}
	}
}
