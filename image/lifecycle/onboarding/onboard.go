package onboarding

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/notice"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/quantity"
)

// Post sends letters; *notice.Post does.
type Post interface {
	// Send sends a letter, unless that of its key was sent before.
	Send(ctx context.Context, l notice.Letter) (sent bool, err error)
	// Sent is when that was; zero if it was not.
	Sent(key string) (time.Time, error)
}

// Options of an Onboarder.
type Options struct {
	Harbor    *harbor.Client // as an administrator
	Registry  string         // Harbor's host in references
	Directory people.Directory
	Place     Place // nil: Direct
	Post      Post
	State     state.Dir
	Audit     audit.Recorder
	Settings  settings.Onboarding
}

// Onboarder takes people in.
type Onboarder struct {
	o    Options
	seen seen
}

// New makes an Onboarder. It does nothing yet.
func New(o Options) *Onboarder {
	if o.Place == nil {
		o.Place = &Direct{Harbor: o.Harbor, State: o.State, Audit: o.Audit, Shared: o.Settings.Shared, Quota: o.Settings.Quota}
	}
	return &Onboarder{o: o}
}

// Choices of one run.
type Choices struct {
	Now           time.Time
	DryRun        bool
	NoLetter      bool
	NewCredential bool // another secret for the robot; the old one is refused then
	// Credential is where somebody's login goes; nil: a file for each person in the site's
	// directory.
	Credential func(people.Person) Sink
}

// Result is what was done for one person, or would be.
type Result struct {
	Person  people.Person `json:"-"`
	ID      string        `json:"id"`
	Name    string        `json:"name"`
	Project string        `json:"project"`
	Steps   []Step        `json:"steps"`
	Login   Login         `json:"login"`
	// Warnings are about what did not work and can be done later.
	Warnings []string `json:"warnings,omitempty"`
}

// progressKind is where is written down how far it is with somebody.
const progressKind = "onboarding"

// makingRobot stands for a robot that was begun, and whose ID is not known.
const makingRobot = -1

// progress is such a note.
type progress struct {
	ID        string    `json:"id"`
	Robot     int64     `json:"robot,omitempty"` // whose secret Delivered is about
	Delivered bool      `json:"delivered,omitempty"`
	Finished  time.Time `json:"finished,omitzero"`
	Failed    time.Time `json:"failed,omitzero"` // FirstLogins waits a day then
	Error     string    `json:"error,omitempty"`
}

// Add takes somebody in, by ID. Errors are faults: unknown people (people.ErrUnknown),
// ended accounts (ErrEnded), people without mail (notice.ErrNoAddress) unless there is
// to be no letter, names that belong to others (ErrTaken).
func (o *Onboarder) Add(ctx context.Context, id string, c Choices) (Result, error) {
	p, err := o.o.Directory.Person(ctx, id)
	if errors.Is(err, people.ErrUnknown) {
		return Result{ID: id}, fault.Newf(err, "look at how it is written; it is the name to log in with", "there is nobody called %q", id)
	}
	if err != nil {
		return Result{ID: id}, err
	}
	return o.add(ctx, p, c)
}

// ErrEnded is wrapped by errors about an account that is over.
var ErrEnded = errors.New("the account has ended")

func (o *Onboarder) add(ctx context.Context, p people.Person, c Choices) (Result, error) {
	result := Result{Person: p, ID: p.ID, Name: p.Name}
	c.NoLetter = c.NoLetter || o.o.Settings.NoLetter
	switch {
	case p.Ended(c.Now):
		return result, fault.Newf(ended(p), "if that is wrong, correct it in the directory, and run this again", "cannot take in %s", p.ID)
	case p.Mail == "" && !c.NoLetter:
		return result, fault.Newf(notice.ErrNoAddress, "write one into the directory; or tell them yourself: --no-letter", "cannot write a welcome to %s", p.ID)
	}
	project, err := ProjectName(p.ID)
	if err != nil {
		return result, err
	}
	result.Project = project
	unlock, err := o.lock(c)
	if err != nil {
		return result, err
	}
	defer unlock()
	note := o.progress(p)
	s := &steps{audit: o.o.Audit, person: p.ID, dryRun: c.DryRun}
	s.done, err = o.o.Place.Prepare(ctx, p, project, c.DryRun)
	if err == nil {
		result.Login, err = o.robot(ctx, s, p, project, c, note)
	}
	if err == nil && result.Login.Disabled {
		result.Warnings = append(result.Warnings, fmt.Sprintf("the robot %s is disabled; --new-credential enables it, with another secret", result.Login.Robot))
	}
	if err == nil && !c.NoLetter {
		err = o.welcome(ctx, s, p, &result)
	}
	result.Steps = s.done
	if c.DryRun {
		return result, err
	}
	if err != nil {
		return result, err
	}
	if note.Finished.IsZero() {
		note.Finished = c.Now
	}
	note.Failed, note.Error = time.Time{}, ""
	return result, o.saveNote(note)
}

func ended(p people.Person) error {
	if p.Disabled {
		return fmt.Errorf("%w: it is locked", ErrEnded)
	}
	return fmt.Errorf("%w: on %s", ErrEnded, p.Expires.Format(time.DateOnly))
}

// lock lets one process at a time take people in.
func (o *Onboarder) lock(c Choices) (unlock func(), err error) {
	if c.DryRun {
		return func() {}, nil
	}
	return o.o.State.Lock(progressKind)
}

// progress is how far it is; nothing if that is not known.
func (o *Onboarder) progress(p people.Person) *progress {
	var note progress
	if err := o.o.State.Load(progressKind, strings.ToLower(p.ID), &note); err != nil {
		note = progress{}
	}
	note.ID = p.ID
	return &note
}

func (o *Onboarder) saveNote(note *progress) error {
	return o.o.State.Save(progressKind, strings.ToLower(note.ID), note)
}

// credentialFile is where a login is left for the administrator.
func (o *Onboarder) credentialFile(id string) string {
	return CredentialFile(o.o.State, o.o.Settings, id)
}

// CredentialFile is where the login of a person's compute servers is left, if nothing else
// is said.
func CredentialFile(dir state.Dir, s settings.Onboarding, id string) string {
	place := s.Credentials
	if place == "" {
		place = filepath.Join(dir.Path(), "credentials")
	}
	// ProjectName has refused what would lead elsewhere.
	return filepath.Join(place, url.PathEscape(strings.ToLower(id))+".auth.json")
}

// Welcome is the Data of the letter "welcome".
type Welcome struct {
	Project string
	Shared  []string // other projects whose images can be run
	Quota   string   // empty for Harbor's default
	Until   string   // the last day of the compute servers' login; empty if there is none
}

// welcome writes a letter, once. That it did not go out does not undo the rest: the
// next run sends it.
func (o *Onboarder) welcome(ctx context.Context, s *steps, p people.Person, r *Result) error {
	data := Welcome{Project: r.Project, Shared: without(o.o.Settings.Shared, r.Project)}
	if o.o.Settings.Quota > 0 {
		data.Quota = quantity.Size(int64(o.o.Settings.Quota))
	}
	if !r.Login.Expires.IsZero() {
		data.Until = r.Login.Expires.Format(time.DateOnly)
	}
	step := Step{"letter.send", p.Mail, "welcome"}
	key := "welcome/" + strings.ToLower(p.ID)
	if s.dryRun {
		before, err := o.o.Post.Sent(key)
		if err == nil && before.IsZero() {
			s.done = append(s.done, step)
		}
		return err
	}
	sent, err := o.o.Post.Send(ctx, notice.Letter{To: p, Kind: "welcome", Key: key, Data: data})
	if sent {
		s.done = append(s.done, step)
	}
	if err != nil {
		return fmt.Errorf("all is ready but the welcome letter; run this again: %w", err)
	}
	return nil
}
