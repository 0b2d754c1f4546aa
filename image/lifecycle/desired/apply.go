package desired

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
)

// Applier makes changes.
type Applier struct {
	Client   *harbor.Client
	State    state.Dir // where jadm remembers what it has made
	Recorder audit.Recorder
	// Keep puts a robot's login where it belongs. It may be called again for the same
	// robot, with a newer secret.
	Keep func(context.Context, Credential) error
	// Now is the time, for robots' lives.
	Now func() time.Time
	// Report is told of each change when it has been tried; nil for nobody.
	Report func(Change, error)
}

// ChangeError is a change that could not be made.
type ChangeError struct {
	Change Change
	Err    error
}

func (f *ChangeError) Error() string { return f.Change.Subject + ": " + f.Err.Error() }

// Unwrap returns Err.
func (f *ChangeError) Unwrap() error { return f.Err }

// Failures are those in the error of Apply.
func Failures(err error) []*ChangeError {
	var all []*ChangeError
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	for _, e := range joined.Unwrap() {
		var f *ChangeError
		if errors.As(e, &f) {
			all = append(all, f)
		}
	}
	return all
}

// errNoProject is why a change was not tried.
var errNoProject = errors.New("not tried, because the project could not be made")

// Apply makes all changes that it can, in their order, and returns the *ChangeErrors of
// the others, joined. It ends early only when ctx does. actual is what the changes
// were computed from. Nobody else may apply changes at the time: see Lock.
func (a *Applier) Apply(ctx context.Context, actual *Actual, changes []Change) error {
	var failures []error
	without := map[string]bool{} // projects that could not be made
	settled := map[string]bool{}
	for _, c := range changes {
		if err := ctx.Err(); err != nil {
			return errors.Join(append(failures, err)...)
		}
		err := errNoProject
		if !without[c.Project] {
			err = a.change(ctx, actual, c, !settled[c.Project])
			settled[c.Project] = true
		}
		if err != nil {
			failures = append(failures, &ChangeError{c, err})
			if c.rank <= rankAdopt {
				without[c.Project] = true
			}
		}
		if a.Report != nil {
			a.Report(c, err)
		}
	}
	return errors.Join(failures...)
}

// Lock keeps everybody else from applying changes until unlock is called, or the
// process ends. What is compared under the lock stays as it is, but for what others do
// at Harbor.
func Lock(dir state.Dir) (unlock func(), err error) { return dir.Lock(ownedKind) }

// change makes one change, which the audit log has before and after.
func (a *Applier) change(ctx context.Context, actual *Actual, c Change, first bool) error {
	owned, err := loadOwned(a.State, c.Project)
	if err != nil {
		return err
	}
	if first {
		owned = owned.settle(actual.Projects[c.Project], actual.Account)
		if owned.has() {
			if err := a.State.Save(ownedKind, c.Project, owned); err != nil {
				return err
			}
		}
	}
	details := map[string]string{}
	for key, value := range map[string]string{"before": c.Before, "after": c.After} {
		if value != "" {
			details[key] = value
		}
	}
	act := audit.Act{Action: c.Kind, Subject: c.Subject, Reason: c.Reason, Details: details}
	return a.Recorder.Do(act, func() error { return c.act.do(ctx, &job{Applier: a, owned: owned}) })
}

// job is one change being made.
type job struct {
	*Applier
	owned Owned // of the change's project
}

// save writes down what jadm owns.
func (j *job) save() error { return j.State.Save(ownedKind, j.owned.Project, j.owned) }

// failed saves what is left of an intention, and returns err.
func (j *job) failed(err error) error { return errors.Join(err, j.save()) }

// intend writes down that something is about to be made.
func (j *job) intend(of *map[string]int64, name string) error {
	own(of, name, 0)
	return j.save()
}

func own(of *map[string]int64, name string, id int64) {
	if *of == nil {
		*of = map[string]int64{}
	}
	(*of)[name] = id
}

// setting writes down that a rule is about to be set.
func (j *job) setting(key, value string) error {
	if j.owned.Rules == nil {
		j.owned.Rules = map[string][]string{}
	}
	j.owned.Rules[key] = append(j.owned.Rules[key], value)
	return j.save()
}

// robot is what jadm knows of its robot, which it may be about to make.
func (j *job) robot(name string) *OwnedRobot {
	if j.owned.Robots == nil {
		j.owned.Robots = map[string]*OwnedRobot{}
	}
	if j.owned.Robots[name] == nil {
		j.owned.Robots[name] = &OwnedRobot{}
	}
	return j.owned.Robots[name]
}

// keepSecret puts a robot's login where it belongs, and then notes that it is there.
func (j *job) keepSecret(ctx context.Context, name string, r *Robot, made harbor.RobotSecret) error {
	c := Credential{Project: j.owned.Project, Person: j.owned.Person, Robot: name, File: r.Credential, User: made.Name, Password: made.Secret}
	if err := j.Keep(ctx, c); err != nil {
		return fmt.Errorf("keeping the login of the robot %s of %s: %w", name, j.owned.Project, err)
	}
	j.owned.Robots[name].Kept = true
	return j.save()
}

// definite reports whether Harbor has refused, so that nothing was made. After a
// server's error or a broken connection nobody knows.
func definite(err error) bool {
	status := harbor.Status(err)
	return status >= http.StatusBadRequest && status < http.StatusInternalServerError
}

// gone is err, but for the absence of what was to be removed.
func gone(err error) error {
	if harbor.Status(err) == http.StatusNotFound {
		return nil
	}
	return err
}
