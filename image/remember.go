package image

import (
	"errors"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/store"
)

// Failures that are remembered for a while, so that the processes of a job, or
// the jobs of a user with an old password, do not all meet them one after the
// other.
const (
	failedNote  = "failed" // of a job to find out what a name is
	failedGrace = 10 * time.Second

	refusedNote  = "refused" // a login, by host and account
	refusedGrace = 2 * time.Minute

	deniedNote  = "denied" // an image to a login, by a registry that does not say whether the login is wrong
	deniedGrace = 10 * time.Second
)

// failure is a fault as it is written down.
type failure struct {
	State       string     `json:"state,omitempty"` // it holds only while this is so
	Seconds     int        `json:"seconds"`         // and for so long
	What        fault.Text `json:"what"`
	Why         fault.Text `json:"why"`
	Next        fault.Text `json:"next"`
	Unreachable bool       `json:"unreachable,omitempty"`
	Status      int        `json:"status,omitempty"` // of the registry's answer
}

// remember writes a fault down that holds for as long as state stays what it is,
// and no longer than grace. A failure to do so is of no consequence.
func remember(st *store.Store, kind, name string, grace time.Duration, state func() string, err error) {
	var f *fault.Error
	if st == nil || !errors.As(err, &f) {
		return
	}
	note := failure{State: state(), Seconds: int(grace.Seconds()), What: f.Said(), Next: f.Advice(), Unreachable: unreachable(err)}
	if f.Why != nil {
		note.Why = fault.TextOf(f.Why)
	}
	var status *StatusError
	if errors.As(err, &status) {
		note.Status = status.Status
	}
	_ = st.SetNote(kind, name, note)
}

// recall returns a fault that was written down and still holds, and nil when there
// is none.
func recall(st *store.Store, kind, name string, state func() string) error {
	if st == nil {
		return nil
	}
	var note failure
	old, err := st.Note(kind, name, &note)
	if holds := err == nil && old >= 0 && old <= time.Duration(note.Seconds)*time.Second && note.State == state(); !holds {
		return nil
	}
	why := fault.Because("%s (%d seconds ago, to another process; it is asked again in %d seconds, or after jrun login)", note.Why, int(old.Seconds()), note.Seconds-int(old.Seconds()))
	if note.Status != 0 {
		why = &rememberedError{said: why, status: &StatusError{Status: note.Status}}
	}
	if note.Unreachable {
		why = &UnreachableError{Cause: why}
	}
	return fault.Newf(why, note.Next, "%s", note.What)
}

// rememberedError is what another process found out about a registry's refusal.
type rememberedError struct {
	said   error
	status *StatusError
}

func (e *rememberedError) Error() string { return e.said.Error() }

// Unwrap returns the refusal.
func (e *rememberedError) Unwrap() []error { return []error{e.said, e.status} }
