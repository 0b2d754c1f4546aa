package onboarding

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/quantity"
)

// Place makes the projects and memberships of one person.
type Place interface {
	// Prepare does what is missing for p, whose project is called project, and returns
	// what that was; with dryRun only what it would do. Errors are faults, and wrap
	// ErrTaken when the project is somebody else's.
	Prepare(ctx context.Context, p people.Person, project string, dryRun bool) ([]Step, error)
}

// ErrTaken is wrapped by errors about a name that belongs to somebody else.
var ErrTaken = errors.New("it belongs to somebody else")

// harborName is what Harbor lets projects be called (src/lib/validator; measured).
var harborName = regexp.MustCompile(`^[a-z0-9]+(?:[._-][a-z0-9]+)*$`)

// mostName bounds a project's name with room for the name of its robot, in bytes.
const mostName = 240

// ProjectName is what the project of a person is called. Errors are faults.
func ProjectName(id string) (string, error) {
	name := strings.ToLower(id)
	if len(name) > mostName || !harborName.MatchString(name) {
		return "", fault.Newf(errors.New("names at Harbor are of letters and digits, with single . _ - between them"),
			"make a project of another name in Harbor, and add them there by hand", "there can be no project called %q", id)
	}
	return name, nil
}

// Direct makes a place with one request for each thing that is missing.
type Direct struct {
	Harbor *harbor.Client
	State  state.Dir
	Audit  audit.Recorder
	Shared []string       // projects that everybody is a guest of
	Quota  quantity.Bytes // of a new project; 0 for Harbor's default
}

var _ Place = (*Direct)(nil)

// placeKind is where is written down for whom a project was begun.
const placeKind = "places"

// place is such a note.
type place struct {
	ID   string `json:"id"`   // the person
	Made bool   `json:"made"` // and is their project's admin
}

// Prepare makes the project, the memberships, and nothing twice.
func (d *Direct) Prepare(ctx context.Context, p people.Person, project string, dryRun bool) ([]Step, error) {
	s := &steps{audit: d.Audit, person: p.ID, dryRun: dryRun}
	if err := d.own(ctx, s, p, project); err != nil {
		return s.done, err
	}
	for _, shared := range d.Shared {
		if err := d.guest(ctx, s, p, shared); err != nil {
			return s.done, err
		}
	}
	return s.done, nil
}

// own makes the person's own project.
func (d *Direct) own(ctx context.Context, s *steps, p people.Person, project string) error {
	found, err := d.Harbor.Project(ctx, project)
	missing := harbor.Status(err) == http.StatusNotFound
	if err != nil && !missing {
		return fault.Newf(err, harborAdvice, "cannot look for the project %s", project)
	}
	var members []harbor.Member
	if !missing {
		if members, err = harbor.All(d.Harbor.Members(ctx, project)); err != nil {
			return fault.Newf(err, harborAdvice, "cannot list the members of the project %s", project)
		}
		if member, ok := among(members, p.ID); ok && member.Role == harbor.ProjectAdmin {
			return d.made(s, p, project)
		}
		if err := d.begun(p, found, members); err != nil {
			return err
		}
	}
	if missing {
		if err := d.create(ctx, s, p, project); err != nil {
			return err
		}
	}
	err = s.do(Step{"member.add", project, p.ID + " as " + harbor.ProjectAdmin.String()}, func() error {
		return d.add(ctx, project, p, harbor.ProjectAdmin)
	})
	if err != nil {
		return err
	}
	return d.made(s, p, project)
}

// begun tells a project that was begun for p from all others.
func (d *Direct) begun(p people.Person, project harbor.Project, members []harbor.Member) error {
	var note place
	err := d.State.Load(placeKind, project.Name, &note)
	if err != nil && !errors.Is(err, state.ErrNotFound) && !errors.Is(err, state.ErrDamaged) {
		return err
	}
	ours := err == nil && !note.Made && strings.EqualFold(note.ID, p.ID) && project.Owner == d.Harbor.User() && project.Repositories == 0 &&
		!slices.ContainsFunc(members, func(m harbor.Member) bool { return m.Name != d.Harbor.User() && !strings.EqualFold(m.Name, p.ID) })
	if ours {
		return nil
	}
	var names []string
	for _, m := range members {
		if m.Role == harbor.ProjectAdmin {
			names = append(names, m.Name)
		}
	}
	why := fmt.Errorf("%w: its owner is %s, its admins are %s", ErrTaken, project.Owner, strings.Join(names, ", "))
	return fault.Newf(why, fmt.Sprintf("if it is theirs, make %s its project admin in Harbor, and run this again", p.ID),
		"there is a project %s already", project.Name)
}

func (d *Direct) create(ctx context.Context, s *steps, p people.Person, project string) error {
	detail := ""
	if d.Quota > 0 {
		detail = "quota " + quantity.Size(int64(d.Quota))
	}
	return s.do(Step{"project.create", project, detail}, func() error {
		if err := d.State.Save(placeKind, project, place{ID: p.ID}); err != nil {
			return err
		}
		err := d.Harbor.CreateProject(ctx, harbor.NewProject{Name: project, Metadata: harbor.Metadata{Public: "false"}, StorageLimitBytes: int64(d.Quota)})
		if harbor.Status(err) == http.StatusConflict {
			// Somebody was faster. It is theirs.
			if forgotten := d.State.Remove(placeKind, project); forgotten != nil {
				return forgotten
			}
			err = fmt.Errorf("%w (%w)", ErrTaken, err)
		}
		if err != nil {
			return fault.Newf(err, harborAdvice, "cannot make the project %s", project)
		}
		return nil
	})
}

// made notes that there is nothing left to go on with.
func (d *Direct) made(s *steps, p people.Person, project string) error {
	var note place
	if s.dryRun || d.State.Load(placeKind, project, &note) == nil && note == (place{p.ID, true}) {
		return nil
	}
	return d.State.Save(placeKind, project, place{p.ID, true})
}

// guest makes the person a guest of a shared project, unless they are more already.
func (d *Direct) guest(ctx context.Context, s *steps, p people.Person, project string) error {
	members, err := harbor.All(d.Harbor.Members(ctx, project))
	if harbor.Status(err) == http.StatusNotFound {
		return fault.Newf(err, "make it (jadm apply), or correct onboarding.shared in jadm.toml", "there is no shared project %s", project)
	}
	if err != nil {
		return fault.Newf(err, harborAdvice, "cannot list the members of the project %s", project)
	}
	if _, ok := among(members, p.ID); ok {
		return nil
	}
	return s.do(Step{"member.add", project, p.ID + " as " + harbor.Guest.String()}, func() error {
		return d.add(ctx, project, p, harbor.Guest)
	})
}

// How often, and how long after the first time, a membership is tried.
const (
	attempts   = 4
	firstPause = 150 * time.Millisecond
)

// add makes a member. While the person logs in for the first time, Harbor may make the
// account twice, and refuse one of them; so it looks again.
func (d *Direct) add(ctx context.Context, project string, p people.Person, role harbor.Role) error {
	var err error
	for attempt := range attempts {
		if attempt > 0 {
			pause := firstPause << (attempt - 1)
			select {
			case <-time.After(pause/2 + rand.N(pause)):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		_, err = d.Harbor.AddUser(ctx, project, p.ID, role)
		if err == nil {
			return nil
		}
		status := harbor.Status(err)
		if status != http.StatusConflict && status != http.StatusInternalServerError {
			break
		}
		members, listed := harbor.All(d.Harbor.Members(ctx, project))
		if listed != nil {
			return fault.Newf(listed, harborAdvice, "cannot list the members of the project %s", project)
		}
		switch member, ok := among(members, p.ID); {
		case ok && (member.Role == role || role == harbor.Guest):
			return nil
		case ok:
			if err = d.Harbor.UpdateMember(ctx, project, member.ID, role); err == nil {
				return nil
			}
		}
	}
	return d.refused(err, project, p)
}

func (d *Direct) refused(err error, project string, p people.Person) error {
	next := harborAdvice
	switch harbor.Status(err) {
	case http.StatusNotFound:
		next = "Harbor's own LDAP settings do not find them: look at Configuration, Authentication in Harbor (search base, filter, uid attribute)"
	case http.StatusConflict:
		next = fmt.Sprintf("another account at Harbor has the mail address %s: look for it in Administration, Users, and correct one of them", p.Mail)
	case http.StatusInternalServerError:
		next = "Harbor cannot ask its directory: test the LDAP server in Configuration, Authentication in Harbor"
	}
	return fault.Newf(err, next, "cannot make %s a member of the project %s", p.ID, project)
}

// harborAdvice is for accidents.
const harborAdvice = "look at Harbor's health, and run this again: it goes on where it was"

// among finds a person by ID, in any case.
func among(members []harbor.Member, id string) (harbor.Member, bool) {
	i := slices.IndexFunc(members, func(m harbor.Member) bool { return m.Kind == harbor.UserMember && strings.EqualFold(m.Name, id) })
	if i < 0 {
		return harbor.Member{}, false
	}
	return members[i], true
}
