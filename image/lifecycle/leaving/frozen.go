package leaving

import (
	"errors"

	"github.com/jrun-hpc/jrun/image/lifecycle/state"
)

// Frozen are the departures whose projects and rights are to stay as they are: those who
// give rights (package desired, package onboarding) leave these people and projects
// alone. Rounds would take the rights away again, but not before the next one. The error
// tells of documents that cannot be read, beside the others.
func (o *Office) Frozen() (projects, ids []string, err error) { return FrozenIn(o.Documents) }

// FrozenIn is Frozen for who has the documents and no Office.
func FrozenIn(documents Documents) (projects, ids []string, err error) {
	all, err := (&Office{Documents: documents}).Departures()
	for _, d := range all {
		if d.frozen() {
			projects, ids = append(projects, d.Project), append(ids, d.ID())
		}
	}
	return projects, ids, err
}

// IsFrozen reports whether the person with an ID is among those of Frozen: it reads one
// document, where the years have left thousands.
func IsFrozen(documents Documents, id string) (bool, error) {
	d, err := (&Office{Documents: documents}).Departure(id)
	if errors.Is(err, state.ErrNotFound) {
		return false, nil
	}
	return err == nil && d.frozen(), err
}

func (d *Departure) frozen() bool {
	begun := !d.FrozenAt.IsZero() || d.Before != nil
	return begun && d.Stage != Cancelled && d.Stage != Returned && d.Stage != Returning && d.Stage != Done
}
