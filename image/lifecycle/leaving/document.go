package leaving

import (
	"errors"
	"fmt"

	"github.com/jrun-hpc/jrun/image/lifecycle/state"
)

// Departure is that of a person. The error wraps state.ErrNotFound when there is none.
func (o *Office) Departure(id string) (*Departure, error) {
	d := &Departure{}
	if err := o.Documents.Load(kind, id, d); err != nil {
		return nil, err
	}
	if d.Person.ID == "" || d.Stage == "" {
		return nil, fmt.Errorf("%s of %q: %w", kind, id, state.ErrDamaged)
	}
	return d, nil
}

// Departures are all, by ID. Those that cannot be read are left out, and their errors
// joined to the one returned, beside the others.
func (o *Office) Departures() ([]*Departure, error) {
	ids, err := o.Documents.Names(kind)
	if err != nil {
		return nil, err
	}
	var all []*Departure
	var failed error
	for _, id := range ids {
		d, err := o.Departure(id)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		all = append(all, d)
	}
	return all, failed
}

// save keeps a departure, unless somebody has changed it since it was loaded: then the
// error is errSuperseded, and what that somebody has ordered stands.
func (o *Office) save(d *Departure) error {
	unlock, err := o.Documents.Lock(kind)
	if err != nil {
		return err
	}
	defer unlock()
	var stored Departure
	err = o.Documents.Load(kind, d.ID(), &stored)
	if err != nil && (!errors.Is(err, state.ErrNotFound) || d.Revision != 0) {
		return err
	}
	if stored.Revision != d.Revision {
		return errSuperseded
	}
	d.Revision++
	if err := o.Documents.Save(kind, d.ID(), d); err != nil {
		d.Revision--
		return err
	}
	return nil
}

// current is nil as long as nobody has ordered something else.
func (o *Office) current(d *Departure) error {
	var stored Departure
	if err := o.Documents.Load(kind, d.ID(), &stored); err != nil {
		return err
	}
	if stored.Revision != d.Revision {
		return errSuperseded
	}
	return nil
}
