package onboarding

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
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
	users = slices.DeleteFunc(users, func(u harbor.User) bool { return !o.mayBeNew(u, c.Now) })
	projects, err := o.projectsOf(ctx, users, c.Now)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(users, func(a, b harbor.User) int { return strings.Compare(a.Name, b.Name) })
	var all []Outcome
	for _, u := range users {
		if len(all) >= most {
			break
		}
		if name, err := ProjectName(u.Name); err != nil || projects[name] && !o.begun(u, name) {
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

// mayBeNew reports whether an account of Harbor, by all that is known here, may be
// somebody new.
func (o *Onboarder) mayBeNew(u harbor.User, now time.Time) bool {
	if _, err := ProjectName(u.Name); err != nil || u.Admin || strings.EqualFold(u.Name, o.o.Harbor.User()) {
		return false
	}
	note := o.progress(people.Person{ID: u.Name})
	return note.Finished.IsZero() && (note.Failed.IsZero() || !now.Before(note.Failed.Add(patience)))
}

// begun reports whether jadm was interrupted while it took somebody in, so that there may
// be a project already.
func (o *Onboarder) begun(u harbor.User, project string) bool {
	note := o.progress(people.Person{ID: u.Name})
	return note.Robot != 0 || !note.Failed.IsZero() || o.placeBegun(project)
}

const (
	// seenFor is for how long a project that was seen is believed to be there.
	seenFor = time.Hour
	// fewProjects is how many are asked for one by one.
	fewProjects = 20
)

// seen are projects that were there, so that a round each minute does not list thousands
// each time.
type seen struct {
	mu    sync.Mutex
	names map[string]bool
	since time.Time
}

// projectsOf are those of the accounts that Harbor has, among others.
func (o *Onboarder) projectsOf(ctx context.Context, users []harbor.User, now time.Time) (map[string]bool, error) {
	o.seen.mu.Lock()
	defer o.seen.mu.Unlock()
	if age := now.Sub(o.seen.since); age < 0 || age >= seenFor {
		o.seen.names, o.seen.since = map[string]bool{}, now
	}
	var unknown []string
	for _, u := range users {
		if name, err := ProjectName(u.Name); err == nil && !o.seen.names[name] {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > fewProjects {
		o.seen.names, o.seen.since = map[string]bool{}, now
		for p, err := range o.o.Harbor.Projects(ctx, "") {
			if err != nil {
				return nil, fault.Newf(err, harborAdvice, "cannot list Harbor's projects")
			}
			o.seen.names[p.Name] = true
		}
		return maps.Clone(o.seen.names), nil
	}
	for _, name := range unknown {
		_, err := o.o.Harbor.Project(ctx, name)
		if err != nil && harbor.Status(err) != http.StatusNotFound {
			return nil, fault.Newf(err, harborAdvice, "cannot look for the project %s", name)
		}
		if err == nil {
			o.seen.names[name] = true
		}
	}
	return maps.Clone(o.seen.names), nil
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
