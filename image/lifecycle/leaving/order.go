package leaving

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
)

// Order is somebody's decision that a person leaves.
type Order struct {
	ID     string
	Date   time.Time // the beginning of a day; zero leaves it as it was ordered before
	By     string    // who decides
	Reason string
	Choice Choice // what is empty in it stays as it was ordered before
}

// Plan is what an order would come to: nothing is changed.
func (o *Office) Plan(ctx context.Context, now time.Time, order Order) (*Departure, error) {
	if err := o.checkChoice(ctx, now, order); err != nil {
		return nil, err
	}
	d, err := o.Departure(order.ID)
	if err == nil && !d.Stage.Over() {
		return d, change(d, now, order)
	}
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return nil, err
	}
	p, err := o.Directory.Person(ctx, order.ID)
	if errors.Is(err, people.ErrUnknown) {
		// The account may be gone already; what is in Harbor is not.
		p, err = people.Person{ID: order.ID, Name: order.ID, UID: -1, GID: -1}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("asking the directory for %q: %w", order.ID, err)
	}
	if p.ID != order.ID { // in another case
		order.ID = p.ID
		return o.Plan(ctx, now, order)
	}
	return o.newDeparture(ctx, now, order, p, d)
}

// checkChoice refuses people and projects that are not there: on the day it would be too
// late to ask who was meant.
func (o *Office) checkChoice(ctx context.Context, now time.Time, order Order) error {
	const next = "look at how it is written: jadm user list"
	ids := []string{order.Choice.Receiver}
	for _, project := range sortedKeys(order.Choice.Admins) {
		ids = append(ids, order.Choice.Admins[project])
		_, err := o.Registry.Project(ctx, project)
		if harbor.Status(err) == http.StatusNotFound {
			return fault.Newf(err, "look at how it is written, in Harbor", "there is no project %s, for which %s was to get another admin", project, order.ID)
		}
		if err != nil {
			return fmt.Errorf("asking for the project %s: %w", project, err)
		}
	}
	for _, id := range ids {
		if id == "" {
			continue
		}
		p, err := o.Directory.Person(ctx, id)
		if errors.Is(err, people.ErrUnknown) {
			return fault.Newf(err, next, "there is nobody called %q, who was to take over from %s", id, order.ID)
		}
		if err != nil {
			return fmt.Errorf("asking the directory for %q: %w", id, err)
		}
		if p.Ended(now) {
			return fault.Newf(errors.New("the account has ended"), next, "%s cannot take over from %s", p.ID, order.ID)
		}
	}
	return nil
}

// Leave records that somebody leaves, or another date or receiver for somebody of whom
// it is known. What follows is done by rounds.
func (o *Office) Leave(ctx context.Context, now time.Time, order Order) (*Departure, error) {
	for {
		d, err := o.Plan(ctx, now, order)
		if err != nil {
			return nil, err
		}
		err = o.act(d, "order", d.ID(), func() error { return o.save(d) })
		if errors.Is(err, errSuperseded) {
			continue // a round has done something just now
		}
		return d, err
	}
}

// newDeparture is one of somebody who does not leave yet. That of an earlier time is
// over, and is replaced.
func (o *Office) newDeparture(ctx context.Context, now time.Time, order Order, p people.Person, earlier *Departure) (*Departure, error) {
	if order.Date.IsZero() {
		return nil, fault.Newf(errors.New("no date is given"), "name the day: jadm user leave "+order.ID+" --on 2027-03-31", "cannot tell when %s leaves", order.ID)
	}
	if err := notPast(order.Date, now, order.ID); err != nil {
		return nil, err
	}
	d := &Departure{Person: p, Project: ProjectOf(p.ID), Date: order.Date, Ordered: now.UTC(), OrderedBy: order.By, Reason: order.Reason, Choice: order.Choice, Stage: Scheduled, Since: now}
	if earlier != nil {
		d.Revision, d.History = earlier.Revision, earlier.History
		d.Letters = earlier.Letters
	}
	before, labs, err := o.survey(ctx, d)
	if err != nil {
		return nil, err
	}
	if !before.Exists && len(before.Memberships) == 0 {
		return nil, fault.Newf(errors.New("Harbor has no project "+d.Project+", and no project with such a member"),
			"see who there is: jadm user list", "there is nothing of %s that could go", order.ID)
	}
	d.Labs = labs
	d.tell(now, fmt.Sprintf("ordered by %s: leaves on %s", order.By, order.Date.Format(dateLayout)))
	return d, nil
}

func notPast(date, now time.Time, id string) error {
	if date.AddDate(0, 0, 1).After(now) {
		return nil
	}
	return fault.Newf(errors.New("nobody would have had a notice"), "name today or a later day: jadm user leave "+id+" --on "+now.Format(dateLayout), "%s is past", date.Format(dateLayout))
}

// change applies an order to a departure that is under way.
func change(d *Departure, now time.Time, order Order) error {
	if d.Stage == Returning {
		return fault.New(d.ID()+" is being given everything back", nil, "wait until that is done, or do it now: jadm leavers run "+d.ID())
	}
	if !order.Date.IsZero() && !order.Date.Equal(d.Date) {
		if d.Stage != Scheduled {
			return fault.Newf(fmt.Errorf("everything has been frozen since %s", d.FrozenAt.Format(dateLayout)),
				"have it undone first: jadm user return "+d.ID(), "the date of %s cannot change any more", d.ID())
		}
		if err := notPast(order.Date, now, d.ID()); err != nil {
			return err
		}
		d.tell(now, fmt.Sprintf("ordered by %s: leaves on %s, not on %s", order.By, order.Date.Format(dateLayout), d.Date.Format(dateLayout)))
		d.Date, d.Noticed = order.Date, 0
	}
	if order.Reason != "" {
		d.Reason = order.Reason
	}
	c := order.Choice
	if c.Receiver == "" && c.HandOver == "" && len(c.Admins) == 0 {
		return nil
	}
	if d.Stage != Scheduled && d.Stage != Frozen && d.Stage != Bundled && d.Stage != Verified {
		return fault.New("the images of "+d.ID()+" have been handed over", nil, "see where they are: jadm leavers show "+d.ID())
	}
	if c.Receiver != "" {
		d.Choice.Receiver = c.Receiver
	}
	if c.HandOver != "" {
		d.Choice.HandOver = c.HandOver
	}
	if len(c.Admins) > 0 && d.Choice.Admins == nil {
		d.Choice.Admins = map[string]string{}
	}
	maps.Copy(d.Choice.Admins, c.Admins)
	d.tell(now, "ordered by "+order.By+": another hand-over")
	return nil
}

// Return records that somebody stays, or is back. Rounds give everything back.
func (o *Office) Return(now time.Time, id, by string) (*Departure, error) {
	for {
		d, err := o.PlanReturn(now, id, by)
		if err != nil {
			return nil, err
		}
		err = o.act(d, "return", id, func() error { return o.save(d) })
		if errors.Is(err, errSuperseded) {
			continue
		}
		return d, err
	}
}

// PlanReturn is what a return would come to: nothing is changed.
func (o *Office) PlanReturn(now time.Time, id, by string) (*Departure, error) {
	d, err := o.Departure(id)
	if errors.Is(err, state.ErrNotFound) {
		return nil, fault.Newf(err, "see who leaves: jadm leavers", "%s does not leave", id)
	}
	if err != nil {
		return nil, err
	}
	switch d.Stage {
	case Returning:
		return d, nil
	case Cancelled, Returned:
		return nil, fault.New(id+" has everything back", nil, "see: jadm leavers show "+id)
	case Closing, Done:
		next := "see where the images are: jadm leavers show " + id
		for _, b := range d.Bundles {
			if !b.Archived.IsZero() {
				next += "\nthey can be had back from the archive: jadm bundle restore " + b.Dir
			}
		}
		return nil, fault.Newf(fmt.Errorf("the undelete period ended on %s", o.Rules.closes(d).Format(dateLayout)), next, "%s cannot be given everything back any more", id)
	}
	d.enter(Returning, now, "ordered by "+by+": stays, or is back")
	return d, nil
}
