package onboarding

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
)

// RobotName is what the robot of a project is made with; Harbor puts a prefix before.
func RobotName(project string) string { return "nodes-" + project }

// robotMark begins the descriptions of robots that jadm has made, and robotPurpose comes
// next in those for compute servers, before the person's ID.
const (
	robotMark    = "jadm: "
	robotPurpose = "compute servers of "
)

// IsOurs reports whether jadm has made a robot for somebody's compute servers.
func IsOurs(r harbor.Robot) bool { return strings.HasPrefix(r.Description, robotMark) }

// Login is the login of the compute servers, as far as it can be shown.
type Login struct {
	Robot    string    `json:"robot"`   // in full
	Expires  time.Time `json:"expires"` // zero: never
	Projects []string  `json:"projects"`
	Disabled bool      `json:"disabled"`
	// File is where the secret was written; empty if it was not written now.
	File string `json:"file,omitempty"`
}

func login(r harbor.Robot) Login {
	l := Login{Robot: r.Name, Disabled: r.Disabled}
	if r.Expires != harbor.Forever {
		l.Expires = time.Unix(r.Expires, 0).UTC()
	}
	for _, p := range r.Permissions {
		l.Projects = append(l.Projects, p.Project)
	}
	return l
}

// robot makes or mends the robot of a project, and delivers its secret if there is a
// new one.
func (o *Onboarder) robot(ctx context.Context, s *steps, p people.Person, project string, c Choices, note *progress) (Login, error) {
	name := RobotName(project)
	wanted := append([]string{project}, without(o.o.Settings.Shared, project)...)
	r, err := o.o.Harbor.SystemRobot(ctx, name)
	if harbor.Status(err) == http.StatusNotFound {
		return o.newRobot(ctx, s, p, harbor.Robot{
			Name: name, Description: robotMark + robotPurpose + p.ID, Days: int64(o.o.Settings.RobotDays), Permissions: harbor.PullFrom(wanted...),
		}, c, note)
	}
	if err != nil {
		return Login{}, fault.Newf(err, harborAdvice, "cannot look for the robot %s", name)
	}
	if !IsOurs(r) {
		return Login{}, fault.Newf(ErrTaken, "rename or delete it in Harbor (Administration, Robot Accounts), and run this again", "there is a robot %s already that jadm did not make", r.Name)
	}
	if r.Disabled && !c.NewCredential {
		return login(r), nil
	}
	expired := r.Expired(c.Now)
	if err := o.mend(ctx, s, &r, wanted, c); err != nil {
		return Login{}, err
	}
	lost := note.Robot == makingRobot || note.Robot == r.ID && !note.Delivered
	if !expired && !c.NewCredential && !lost {
		return login(r), nil
	}
	return o.newSecret(ctx, s, p, r, c, note)
}

// mend gives a robot the permissions and the days that it should have.
func (o *Onboarder) mend(ctx context.Context, s *steps, r *harbor.Robot, wanted []string, c Choices) error {
	changed := *r
	changed.Disabled = false
	var why []string
	if !pullsFrom(*r, wanted) {
		changed.Permissions = harbor.PullFrom(wanted...)
		why = append(why, "pulls from "+strings.Join(wanted, ", "))
	}
	if r.Expires != harbor.Forever && time.Unix(r.Expires, 0).Before(c.Now.AddDate(0, 0, o.o.Settings.RenewDays)) {
		// Harbor counts from the robot's creation.
		over := int64(c.Now.Sub(r.Created) / (24 * time.Hour))
		changed.Days = max(0, over) + int64(o.o.Settings.RobotDays)
		until := r.Created.AddDate(0, 0, int(changed.Days))
		changed.Expires = until.Unix()
		why = append(why, "until "+until.UTC().Format(time.DateOnly))
	}
	if r.Disabled {
		why = append(why, "enabled")
	}
	if len(why) == 0 {
		return nil
	}
	err := s.do(Step{"robot.update", r.Name, strings.Join(why, "; ")}, func() error { return o.o.Harbor.UpdateRobot(ctx, changed) })
	if err != nil {
		return fault.Newf(err, harborAdvice, "cannot change the robot %s", r.Name)
	}
	*r = changed
	return nil
}

// pullsFrom reports whether a robot may do what it should, and nothing else.
func pullsFrom(r harbor.Robot, projects []string) bool {
	if len(r.Permissions) != len(projects) {
		return false
	}
	for _, p := range r.Permissions {
		if !slices.Contains(projects, p.Project) || !slices.Equal(p.Access, harbor.PullOnly) {
			return false
		}
	}
	return true
}

func (o *Onboarder) newRobot(ctx context.Context, s *steps, p people.Person, r harbor.Robot, c Choices, note *progress) (Login, error) {
	var projects []string
	for _, permission := range r.Permissions {
		projects = append(projects, permission.Project)
	}
	if err := o.ready(s, p, c); err != nil {
		return Login{}, err
	}
	var made harbor.RobotSecret
	step := Step{"robot.create", RobotName(projects[0]), fmt.Sprintf("pulls from %s; %d days", strings.Join(projects, ", "), r.Days)}
	err := s.do(step, func() error {
		note.Robot, note.Delivered = makingRobot, false
		if err := o.saveNote(note); err != nil {
			return err
		}
		var err error
		made, err = o.o.Harbor.CreateSystemRobot(ctx, r)
		return err
	})
	if err != nil {
		return Login{}, fault.Newf(err, harborAdvice, "cannot make the robot %s", r.Name)
	}
	expires := c.Now.AddDate(0, 0, int(r.Days)).Unix()
	if !s.dryRun {
		expires = made.Expires
		r.Name = made.Name
	}
	r.Expires = expires
	return o.deliver(ctx, s, p, r, made.ID, made.Secret, c, note)
}

func (o *Onboarder) newSecret(ctx context.Context, s *steps, p people.Person, r harbor.Robot, c Choices, note *progress) (Login, error) {
	if err := o.ready(s, p, c); err != nil {
		return Login{}, err
	}
	secret := ""
	err := s.do(Step{"robot.refresh", r.Name, "a new secret; the old one is refused from now on"}, func() error {
		note.Robot, note.Delivered = r.ID, false
		if err := o.saveNote(note); err != nil {
			return err
		}
		var err error
		secret, err = o.o.Harbor.RefreshSecret(ctx, r.ID)
		return err
	})
	if err != nil {
		return Login{}, fault.Newf(err, harborAdvice, "cannot give the robot %s another secret", r.Name)
	}
	return o.deliver(ctx, s, p, r, r.ID, secret, c, note)
}

// sink is where a person's login goes.
func (o *Onboarder) sink(p people.Person, c Choices) Sink {
	if c.Credential != nil {
		return c.Credential(p)
	}
	return FileSink{o.credentialFile(p.ID)}
}

// ready looks whether a secret could be written down, before there is one.
func (o *Onboarder) ready(s *steps, p people.Person, c Choices) error {
	if s.dryRun {
		return nil
	}
	return o.sink(p, c).Ready()
}

// deliver writes a secret where it belongs, and notes that it did.
func (o *Onboarder) deliver(ctx context.Context, s *steps, p people.Person, r harbor.Robot, robotID int64, secret string, c Choices, note *progress) (Login, error) {
	l := login(r)
	sink := o.sink(p, c)
	credential := Credential{Host: o.o.Registry, Projects: l.Projects, User: r.Name, Password: secret}
	err := s.do(Step{"credential.write", sink.Where(), "the login of " + r.Name}, func() error {
		if err := sink.Keep(ctx, credential); err != nil {
			return err
		}
		note.Robot, note.Delivered = robotID, true
		return o.saveNote(note)
	})
	l.File = sink.Where()
	return l, err
}

func without(all []string, one string) []string {
	var others []string
	for _, s := range all {
		if s != one && !slices.Contains(others, s) {
			others = append(others, s)
		}
	}
	return others
}
