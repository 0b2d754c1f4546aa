package desired

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
)

// Site plans and applies for a site.
type Site struct {
	File      *File
	Client    *harbor.Client   // as Harbor's administrator
	Directory people.Directory // nil where the site has named none
	State     state.Dir
	Recorder  audit.Recorder
	Keep      func(context.Context, Credential) error // see Applier.Keep
	// Kept reports whether what Keep has put somewhere is still there; nil believes it.
	Kept func(Credential) bool
	Now  func() time.Time
}

// Options say which changes are wanted.
type Options struct {
	Scope Scope
	Adopt bool // see Question
	Prune bool
}

// Plan compares, and changes nothing.
func (s *Site) Plan(ctx context.Context, o Options) (Plan, error) {
	plan, _, err := s.plan(ctx, o)
	return plan, err
}

// Apply compares under the lock, and does what has to be done. approve sees the plan
// before, and may refuse it by an error, which Apply returns; report is told of each
// change. Both may be nil. The error holds a *ChangeError for each change that failed.
func (s *Site) Apply(ctx context.Context, o Options, approve func(Plan) error, report func(Change, error)) (Plan, error) {
	unlock, err := Lock(s.State)
	if err != nil {
		return Plan{}, fault.New("cannot write down what jadm makes", err, "run jadm as the account that owns "+s.State.Path())
	}
	defer unlock()
	plan, actual, err := s.plan(ctx, o)
	if err != nil {
		return plan, err
	}
	if approve != nil {
		if err := approve(plan); err != nil {
			return plan, err
		}
	}
	a := &Applier{Client: s.Client, State: s.State, Recorder: s.Recorder, Keep: s.Keep, Now: s.Now, Report: report}
	return plan, a.Apply(ctx, actual, plan.Changes)
}

func (s *Site) plan(ctx context.Context, o Options) (Plan, *Actual, error) {
	q, err := s.question(ctx, o)
	if err != nil {
		return Plan{}, nil, err
	}
	actual, err := Read(ctx, s.Client, q.Needs())
	if err != nil {
		return Plan{}, nil, fault.New("cannot compare with Harbor", err, "see that Harbor is up, and that the account in jadm.toml is its administrator")
	}
	q.Actual, q.Lost = actual, s.lost(q)
	return Diff(q), actual, nil
}

// question is all but what Harbor has.
func (s *Site) question(ctx context.Context, o Options) (Question, error) {
	population, err := Populate(ctx, s.Directory, s.File, o.Scope)
	if err != nil {
		return Question{}, err
	}
	owned, err := LoadOwned(s.State)
	if err != nil {
		next := "bring the file back from a backup; without it, jadm takes what it has made for somebody else's"
		if errors.Is(err, fs.ErrPermission) {
			next = "run jadm as the account that owns " + s.State.Path()
		}
		return Question{}, fault.New("cannot read what jadm has made", err, next)
	}
	return Question{File: s.File, Owned: owned, Population: population, Now: s.Now(), Scope: o.Scope, Adopt: o.Adopt, Prune: o.Prune}, nil
}

// lost are robots whose login was kept and is not there any more.
func (s *Site) lost(q Question) map[RobotOf]bool {
	lost := map[RobotOf]bool{}
	targets, _ := q.resolve()
	for project, t := range targets {
		for name, r := range t.robots {
			own := q.Owned[project].Robots[name]
			if s.Kept != nil && own != nil && own.Kept && !s.Kept(Credential{Project: project, Person: t.person, Robot: name, File: r.Credential}) {
				lost[RobotOf{project, name}] = true
			}
		}
	}
	return lost
}

// fewGroups is how many groups are asked for one by one, each with its members.
const fewGroups = 5

// Populate asks the directory for the people whom a plan is about, and for the groups
// of the file. Without a directory nobody is known.
func Populate(ctx context.Context, directory people.Directory, f *File, scope Scope) (Population, error) {
	if directory == nil {
		if scope.Person == "" && f.People == nil && !f.mentions(everybody) && len(f.expandedGroups()) == 0 {
			return Population{}, nil
		}
		return Population{}, fault.New("cannot tell who there is", errors.New("jadm.toml names no directory of people"), "say in [people] of jadm.toml where people are known: LDAP or a CSV file")
	}
	p := Population{Known: true, Groups: map[string]people.Group{}}
	groups := f.groups()
	if scope.Person == "" || len(groups) > fewGroups {
		var err error
		if directory, err = people.Snapshot(ctx, directory); err != nil {
			return p, fault.New("cannot list the people of the directory", err, "see that the directory answers")
		}
	}
	if scope.Person != "" {
		one, err := directory.Person(ctx, scope.Person)
		if err != nil {
			return p, fault.Newf(err, "see that the ID is right, and that the directory answers", "cannot look up %s", scope.Person)
		}
		p.People = []people.Person{one}
	} else if err := p.addEverybody(ctx, directory); err != nil {
		return p, err
	}
	for _, group := range sortedKeys(groups) {
		g, err := directory.Group(ctx, group)
		switch {
		case errors.Is(err, people.ErrUnknown):
			p.Missing = append(p.Missing, group)
		case err != nil:
			return p, fault.Newf(err, "see that the directory answers", "cannot look up the group %s", group)
		default:
			p.Groups[group] = g
		}
	}
	if scope.Person != "" && f.People != nil {
		return p, p.addCompanions(ctx, directory, f.People.Members)
	}
	return p, nil
}

// addCompanions adds those who belong to everybody's project to a population of one: they
// belong to that person's, too. Who is unknown is left out.
func (p *Population) addCompanions(ctx context.Context, directory people.Directory, m Members) error {
	var ids []string
	for _, list := range m.lists() {
		for _, entry := range list.entries {
			group, isGroup := expanded(entry)
			_, isLocal := local(entry)
			switch {
			case entry == everybody:
				return p.addEverybody(ctx, directory)
			case isGroup:
				ids = append(ids, p.Groups[group].Members...)
			case !isDN(entry) && !isLocal:
				ids = append(ids, entry)
			}
		}
	}
	for _, id := range ids {
		if slices.ContainsFunc(p.People, func(known people.Person) bool { return strings.EqualFold(known.ID, id) }) {
			continue
		}
		one, err := directory.Person(ctx, id)
		if errors.Is(err, people.ErrUnknown) {
			continue
		}
		if err != nil {
			return fault.Newf(err, "see that the directory answers", "cannot look up %s", id)
		}
		p.People = append(p.People, one)
	}
	return nil
}

// addEverybody makes the people those of the directory.
func (p *Population) addEverybody(ctx context.Context, directory people.Directory) error {
	p.People = nil
	for one, err := range directory.People(ctx) {
		if err != nil {
			return fault.New("cannot list the people of the directory", err, "see that the directory answers")
		}
		p.People = append(p.People, one)
	}
	return nil
}

// entries are all entries of all lists of members.
func (f *File) entries() []string {
	var all []string
	add := func(m Members) {
		for _, list := range m.lists() {
			all = append(all, list.entries...)
		}
	}
	for _, projects := range []map[string]*Project{f.Shared, f.Labs} {
		for _, p := range projects {
			add(p.Members)
		}
	}
	if f.People != nil {
		add(f.People.Members)
	}
	return all
}

func (f *File) mentions(entry string) bool {
	for _, e := range f.entries() {
		if e == entry {
			return true
		}
	}
	return false
}

// groups are those of the file, and whether their people are wanted one by one.
func (f *File) groups() map[string]bool {
	groups := map[string]bool{}
	for _, entry := range f.entries() {
		if name, ok := expanded(entry); ok {
			groups[name] = true
		} else if isDN(entry) {
			groups[entry] = false
		}
	}
	return groups
}

func (f *File) expandedGroups() []string {
	var names []string
	for name, expand := range f.groups() {
		if expand {
			names = append(names, name)
		}
	}
	return names
}

// String is for errors and logs.
func (s Scope) String() string {
	if s.Person == "" {
		return "everything"
	}
	return fmt.Sprintf("what is %s's", s.Person)
}
