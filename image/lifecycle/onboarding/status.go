package onboarding

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
)

// Accounts as Standing tells them.
const (
	Active  = "active"
	Over    = "ended"
	Unknown = "unknown" // to the directory: a local account of Harbor, or somebody who is gone
	Admin   = "admin"   // of Harbor
)

// Membership is a role in a project.
type Membership struct {
	Project string `json:"project"`
	Role    string `json:"role"`
}

// Status is what there is of one person.
type Status struct {
	Person   people.Person `json:"-"`
	ID       string        `json:"id"`
	Name     string        `json:"name"`
	Mail     string        `json:"mail"`
	Language string        `json:"language,omitempty"`
	Standing string        `json:"standing"`
	Expires  time.Time     `json:"expires,omitzero"`
	Groups   []string      `json:"groups,omitempty"`
	Known    bool          `json:"known_to_harbor"`
	Roles    []Membership  `json:"roles"`

	Project    string    `json:"project,omitempty"` // empty: there is none
	UsedBytes  int64     `json:"used_bytes"`
	LimitBytes int64     `json:"limit_bytes"` // -1: none
	LastPush   time.Time `json:"last_push,omitzero"`
	Robots     []Login   `json:"robots"`
	Finished   time.Time `json:"onboarded,omitzero"`
	// Problem is what went wrong the last time, if it did.
	Problem string `json:"problem,omitempty"`
}

// Show asks the directory and Harbor for one person. Roles are those in their own, the
// shared and, with everywhere, all other projects, which takes a request for each.
func (o *Onboarder) Show(ctx context.Context, id string, now time.Time, everywhere bool) (Status, error) {
	st := Status{ID: id, Standing: Unknown, LimitBytes: -1}
	p, err := o.o.Directory.Person(ctx, id)
	unknown := errors.Is(err, people.ErrUnknown)
	if err != nil && !unknown {
		return st, err
	}
	if !unknown {
		st.Person, st.ID, st.Name, st.Mail, st.Language, st.Expires, st.Groups = p, p.ID, p.Name, p.Mail, p.Language, p.Expires, p.Groups
		st.Standing = Active
		if p.Ended(now) {
			st.Standing = Over
		}
	}
	if err := o.showAccount(ctx, &st); err != nil {
		return st, err
	}
	if unknown && !st.Known {
		return st, fault.Newf(people.ErrUnknown, "look at how it is written; 'jadm user list' lists all", "there is nobody called %q", id)
	}
	note := o.progress(people.Person{ID: st.ID})
	st.Finished, st.Problem = note.Finished, note.Error
	own, err := ProjectName(st.ID)
	if err != nil {
		own = ""
	}
	if err := o.showProject(ctx, &st, own); err != nil {
		return st, err
	}
	projects := append([]string{own}, without(o.o.Settings.Shared, own)...)
	if everywhere {
		for p, err := range o.o.Harbor.Projects(ctx, "") {
			if err != nil {
				return st, fault.Newf(err, harborAdvice, "cannot list Harbor's projects")
			}
			if !slices.Contains(projects, p.Name) {
				projects = append(projects, p.Name)
			}
		}
	}
	for _, project := range projects {
		if err := o.showRole(ctx, &st, project); err != nil {
			return st, err
		}
	}
	return st, nil
}

func (o *Onboarder) showAccount(ctx context.Context, st *Status) error {
	for u, err := range o.o.Harbor.Users(ctx) {
		if err != nil {
			return fault.Newf(err, harborAdvice, "cannot list Harbor's accounts")
		}
		if strings.EqualFold(u.Name, st.ID) {
			st.Known = true
			if u.Admin {
				st.Standing = Admin
			}
			return nil
		}
	}
	return nil
}

// showProject fills in what the own project and its robots tell.
func (o *Onboarder) showProject(ctx context.Context, st *Status, own string) error {
	if own == "" {
		return nil
	}
	p, err := o.o.Harbor.Project(ctx, own)
	switch {
	case harbor.Status(err) == http.StatusNotFound:
		return nil
	case err != nil:
		return fault.Newf(err, harborAdvice, "cannot look for the project %s", own)
	}
	st.Project = own
	summary, err := o.o.Harbor.Summary(ctx, own)
	if err != nil {
		return fault.Newf(err, harborAdvice, "cannot ask for the use of the project %s", own)
	}
	if summary.Quota != nil {
		st.UsedBytes, st.LimitBytes = summary.Quota.Used.StorageBytes, summary.Quota.Hard.StorageBytes
	}
	r, err := o.o.Harbor.SystemRobot(ctx, RobotName(own))
	if err == nil {
		st.Robots = append(st.Robots, login(r))
	} else if harbor.Status(err) != http.StatusNotFound {
		return fault.Newf(err, harborAdvice, "cannot look for the robot %s", RobotName(own))
	}
	for r, err := range o.o.Harbor.Robots(ctx, p.ID) {
		if err != nil {
			return fault.Newf(err, harborAdvice, "cannot list the robots of the project %s", own)
		}
		st.Robots = append(st.Robots, login(r))
	}
	st.LastPush, err = o.lastPush(ctx, own)
	return err
}

// lastPush is when something was last uploaded to a project; zero for never.
func (o *Onboarder) lastPush(ctx context.Context, project string) (time.Time, error) {
	var last time.Time
	for r, err := range o.o.Harbor.Repositories(ctx, project) {
		if err != nil {
			return last, fault.Newf(err, harborAdvice, "cannot list what is in the project %s", project)
		}
		name := strings.TrimPrefix(r.Name, project+"/")
		for a, err := range o.o.Harbor.Artifacts(ctx, project, name) {
			if err != nil {
				return last, fault.Newf(err, harborAdvice, "cannot list the images of %s", r.Name)
			}
			if a.Pushed.After(last) {
				last = a.Pushed
			}
		}
	}
	return last, nil
}

func (o *Onboarder) showRole(ctx context.Context, st *Status, project string) error {
	if project == "" {
		return nil
	}
	for m, err := range o.o.Harbor.Members(ctx, project) {
		if harbor.Status(err) == http.StatusNotFound {
			return nil
		}
		if err != nil {
			return fault.Newf(err, harborAdvice, "cannot list the members of the project %s", project)
		}
		direct := m.Kind == harbor.UserMember && strings.EqualFold(m.Name, st.ID)
		if direct {
			st.Roles = append(st.Roles, Membership{project, m.Role.String()})
			return nil
		}
	}
	return nil
}

// Entry is a person in the list.
type Entry struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	Standing   string    `json:"standing"`
	Known      bool      `json:"known_to_harbor"`
	Project    string    `json:"project,omitempty"`
	UsedBytes  int64     `json:"used_bytes"`
	LimitBytes int64     `json:"limit_bytes"` // -1: none
	Login      time.Time `json:"login_until,omitzero"`
}

// List is everybody whom the directory or Harbor knows, by ID.
func (o *Onboarder) List(ctx context.Context, now time.Time) ([]Entry, error) {
	all := map[string]*Entry{} // by ID in lower case
	for p, err := range o.o.Directory.People(ctx) {
		if err != nil {
			return nil, err
		}
		e := &Entry{ID: p.ID, Name: p.Name, Standing: Active, LimitBytes: -1}
		if p.Ended(now) {
			e.Standing = Over
		}
		all[strings.ToLower(p.ID)] = e
	}
	for u, err := range o.o.Harbor.Users(ctx) {
		if err != nil {
			return nil, fault.Newf(err, harborAdvice, "cannot list Harbor's accounts")
		}
		e := all[strings.ToLower(u.Name)]
		if e == nil {
			e = &Entry{ID: u.Name, Name: u.RealName, Standing: Unknown, LimitBytes: -1}
			all[strings.ToLower(u.Name)] = e
		}
		e.Known = true
		if u.Admin {
			e.Standing = Admin
		}
	}
	for q, err := range o.o.Harbor.Quotas(ctx) {
		if err != nil {
			return nil, fault.Newf(err, harborAdvice, "cannot list what is used")
		}
		if e := all[q.Ref.Project]; e != nil {
			e.Project, e.UsedBytes, e.LimitBytes = q.Ref.Project, q.Used.StorageBytes, q.Hard.StorageBytes
		}
	}
	for r, err := range o.o.Harbor.SystemRobots(ctx) {
		if err != nil {
			return nil, fault.Newf(err, harborAdvice, "cannot list Harbor's robots")
		}
		id, ours := strings.CutPrefix(r.Description, robotMark+robotPurpose)
		if e := all[strings.ToLower(id)]; ours && e != nil {
			e.Login = login(r).Expires
		}
	}
	var list []Entry
	for _, e := range all {
		list = append(list, *e)
	}
	slices.SortFunc(list, func(a, b Entry) int { return cmp.Compare(a.ID, b.ID) })
	return list, nil
}
