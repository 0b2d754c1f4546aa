package leaving

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/printable"
)

// Office does what departures need. Its peers may fail, and the process may be killed
// at any moment.
type Office struct {
	Rules       Rules
	Host        string // of Harbor, as in references
	Account     string // jadm's own in Harbor, which keeps its rights
	Registry    Registry
	Bundler     Bundler
	Shelf       Shelf
	Post        Post
	Directory   Directory
	Realm       Realm       // nil: the site has no store of its own
	Uses        Uses        // nil: nothing is cited
	Credentials Credentials // nil: there are none
	Ownership   Ownership   // nil: nobody remembers projects by their ids
	Trail       Trail       // nil: certificates name no acts
	Audit       audit.Recorder
	Documents   Documents
	// Clock is Harbor's; nil is not compared. While this machine's differs much, nothing is
	// done: everybody's day might seem to have come.
	Clock func(ctx context.Context) (time.Time, error)
}

// Kinds of documents.
const (
	kind        = "leavers"
	certificate = "certificates"
	round       = "leavers-round" // its lock alone: held by who works
)

// errSuperseded says that somebody has ordered something else meanwhile.
var errSuperseded = errors.New("it was ordered otherwise meanwhile")

// errWaiting says that a step cannot be done yet, and that nobody need do anything.
var errWaiting = errors.New("it waits")

// Round does for everybody what is due at now. One person's failure keeps nobody else
// waiting; the error tells of all.
func (o *Office) Round(ctx context.Context, now time.Time) error {
	ids, err := o.Documents.Names(kind)
	if err != nil {
		return err
	}
	return o.Work(ctx, now, ids...)
}

// Work is Round for some.
func (o *Office) Work(ctx context.Context, now time.Time, ids ...string) error {
	if len(ids) == 0 {
		return nil
	}
	if err := o.checkClock(ctx, now); err != nil {
		return err
	}
	unlock, err := o.Documents.Lock(round)
	if err != nil {
		return err
	}
	defer unlock()
	var failed error
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return errors.Join(failed, context.Cause(ctx))
		}
		if err := o.work(ctx, now, id); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s leaves: %w", id, err))
		}
	}
	return failed
}

// mostSkew is by how much this machine's clock and Harbor's may differ.
const mostSkew = time.Hour

// ErrClock is wrapped by errors about clocks that differ.
var ErrClock = errors.New("this machine's clock and Harbor's differ")

// checkClock refuses a now that Harbor knows nothing of. A Harbor that does not answer is
// told by the steps that need it.
func (o *Office) checkClock(ctx context.Context, now time.Time) error {
	if o.Clock == nil {
		return nil
	}
	theirs, err := o.Clock(ctx)
	if skew := theirs.Sub(now); err == nil && skew.Abs() > mostSkew {
		return fault.Newf(fmt.Errorf("%w by %s", ErrClock, skew.Round(time.Second)), "set the clock of both by NTP, and run it again: jadm leavers run", "nothing was done for those who leave")
	}
	return nil
}

// mostSteps is more than any departure needs in one round.
const mostSteps = 40

// work does all that one departure needs now, and then sends its letters.
func (o *Office) work(ctx context.Context, now time.Time, id string) error {
	d, err := o.Departure(id)
	if err != nil {
		return err
	}
	var failed error
	if d.Stage.atRest() {
		failed = o.try(ctx, now, d, freezing, o.hold)
	}
	for range mostSteps {
		s := o.Rules.next(d, now)
		if s == wait || failed != nil {
			break
		}
		failed = o.try(ctx, now, d, s, o.doing(s))
		if errors.Is(failed, errSuperseded) {
			if d, err = o.Departure(id); err != nil {
				return err
			}
			failed = nil
		}
	}
	if errors.Is(failed, errWaiting) || errors.Is(failed, errSuperseded) {
		failed = nil
	}
	if ctx.Err() != nil {
		return failed
	}
	return errors.Join(failed, o.deliver(ctx, now, d))
}

func (o *Office) doing(s step) func(context.Context, time.Time, *Departure) error {
	return map[step]func(context.Context, time.Time, *Departure) error{
		noticing: o.notify, freezing: o.freeze, bundling: o.bundle, verifying: o.verify, handing: o.handOver,
		removing: o.remove, certify: o.certify, closing: o.close, returning: o.giveBack,
	}[s]
}

// try does a step, keeps what it has changed, and remembers if it fails.
func (o *Office) try(ctx context.Context, now time.Time, d *Departure, s step, do func(context.Context, time.Time, *Departure) error) error {
	stage, revision := d.Stage, d.Revision
	err := do(ctx, now, d)
	if errors.Is(err, errAgain) {
		err = nil
	}
	if errors.Is(err, errSuperseded) || ctx.Err() != nil {
		return err
	}
	changed := d.Stage != stage || d.Revision != revision
	switch {
	case errors.Is(err, errWaiting):
		changed = d.settle(s) || changed
	case err != nil:
		changed = true
		o.note(now, d, s, err)
	default:
		changed = d.settle(s) || changed
	}
	if !changed && (err == nil || errors.Is(err, errWaiting)) && s != noticing {
		return err
	}
	if saveErr := o.save(d); saveErr != nil {
		return errors.Join(err, saveErr)
	}
	return err
}

// note remembers a failure.
func (o *Office) note(now time.Time, d *Departure, s step, err error) {
	t := d.trouble(s)
	if t == nil {
		d.Troubles = append(d.Troubles, Trouble{Step: string(s), Since: now})
		t = &d.Troubles[len(d.Troubles)-1]
	}
	t.Last, t.Times, t.Why = now, t.Times+1, printable.Text(err.Error())
	t.Next = "it is tried again in the next round; to try it now: jadm leavers run " + d.ID()
	var f *fault.Error
	if errors.As(err, &f) && f.Next != "" {
		t.Next = printable.Text(f.Next)
	}
	if !t.Told && o.Rules.AdminMail != "" && now.Sub(t.Since) >= time.Duration(o.Rules.TroubleDays)*24*time.Hour {
		t.Told = true
		o.write(now, d, letterTrouble, o.administrator(), fmt.Sprintf("trouble/%s/%d", s, t.Since.Unix()), *t)
	}
}

func (d *Departure) trouble(s step) *Trouble {
	for i := range d.Troubles {
		if d.Troubles[i].Step == string(s) {
			return &d.Troubles[i]
		}
	}
	return nil
}

// settle forgets a step's trouble, and reports whether there was one.
func (d *Departure) settle(s step) bool {
	for i := range d.Troubles {
		if d.Troubles[i].Step == string(s) {
			d.Troubles = append(d.Troubles[:i], d.Troubles[i+1:]...)
			return true
		}
	}
	return false
}

// act does something that is to be in the audit log.
func (o *Office) act(d *Departure, action, subject string, do func() error) error {
	return o.Audit.Do(audit.Act{Action: "leaving." + action, Subject: subject, Reason: d.Reason, Details: map[string]string{"departure": d.Key()}}, do)
}
