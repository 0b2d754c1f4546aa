package onboarding

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
)

// patience is how long somebody with whom it went wrong is left alone, so that others
// have their turn, and letters and logs do not fill up.
const patience = 24 * time.Hour

// Outcome is how it went with one person.
type Outcome struct {
	Result
	Err error `json:"-"`
}

// FirstLogins takes in those who have logged in to Harbor by themselves: accounts that
// Harbor knows, without a project, whom the directory knows, too. Most bounds how many
// at once; the next round takes the others. It never touches administrators, robots (Harbor does not list them
// among people) and local accounts, which the directory does not know. That it goes
// wrong with one is in their Outcome; the error is about all: Harbor or the directory
// cannot say, and nobody is guessed about.
func (o *Onboarder) FirstLogins(ctx context.Context, c Choices, most int) ([]Outcome, error) {
	users, err := harbor.All(o.o.Harbor.Users(ctx))
	if err != nil {
		return nil, fault.Newf(err, harborAdvice, "cannot list Harbor's accounts")
	}
	projects := map[string]bool{}
	for p, err := range o.o.Harbor.Projects(ctx, "") {
		if err != nil {
			return nil, fault.Newf(err, harborAdvice, "cannot list Harbor's projects")
		}
		projects[p.Name] = true
	}
	slices.SortFunc(users, func(a, b harbor.User) int { return strings.Compare(a.Name, b.Name) })
	var all []Outcome
	for _, u := range users {
		if len(all) >= most {
			break
		}
		if !o.isNew(u, projects, c.Now) {
			continue
		}
		p, err := o.o.Directory.Person(ctx, u.Name)
		switch {
		case errors.Is(err, people.ErrUnknown):
			continue
		case err != nil:
			return all, err
		case p.Ended(c.Now), !strings.EqualFold(p.ID, u.Name):
			continue
		}
		result, err := o.add(ctx, p, c)
		if ctx.Err() != nil {
			return all, context.Cause(ctx)
		}
		if err != nil && !c.DryRun {
			note := o.progress(p)
			note.Failed, note.Error = c.Now, err.Error()
			err = errors.Join(err, o.saveNote(note))
		}
		all = append(all, Outcome{result, err})
	}
	return all, nil
}

// isNew reports whether an account of Harbor may be somebody new.
func (o *Onboarder) isNew(u harbor.User, projects map[string]bool, now time.Time) bool {
	name, err := ProjectName(u.Name)
	if err != nil || u.Admin || strings.EqualFold(u.Name, o.o.Harbor.User()) {
		return false
	}
	note := o.progress(people.Person{ID: u.Name})
	begun := note.Robot != 0 || !note.Failed.IsZero() || o.placeBegun(name)
	switch {
	case !note.Finished.IsZero():
		return false
	case !note.Failed.IsZero() && now.Before(note.Failed.Add(patience)):
		return false
	}
	return !projects[name] || begun
}

// placeBegun reports whether jadm was killed while it made a project.
func (o *Onboarder) placeBegun(project string) bool {
	var note place
	return o.o.State.Load(placeKind, project, &note) == nil && !note.Made
}

// Renew gives robots that are about to end more days, for people who are still there.
// It returns what it did. A robot of somebody who has left, or whom the directory does
// not know, ends by itself.
func (o *Onboarder) Renew(ctx context.Context, c Choices) ([]Step, error) {
	robots, err := harbor.All(o.o.Harbor.SystemRobots(ctx))
	if err != nil {
		return nil, fault.Newf(err, harborAdvice, "cannot list Harbor's robots")
	}
	var done []Step
	var failed []error
	for _, r := range robots {
		id, ours := strings.CutPrefix(r.Description, robotMark+robotPurpose)
		soon := r.Expires != harbor.Forever && time.Unix(r.Expires, 0).Before(c.Now.AddDate(0, 0, o.o.Settings.RenewDays))
		if !ours || !soon || r.Disabled || r.Expired(c.Now) || !strings.HasSuffix(r.Name, RobotName(strings.ToLower(id))) {
			continue
		}
		p, err := o.o.Directory.Person(ctx, id)
		switch {
		case errors.Is(err, people.ErrUnknown), err == nil && p.Ended(c.Now):
			continue
		case err != nil:
			return done, err
		}
		var projects []string
		for _, permission := range r.Permissions {
			projects = append(projects, permission.Project)
		}
		s := &steps{audit: o.o.Audit, person: p.ID, dryRun: c.DryRun}
		if err := o.mend(ctx, s, &r, projects, c); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", r.Name, err))
		}
		done = append(done, s.done...)
	}
	return done, errors.Join(failed...)
}
