package vmlease

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
)

// People looks people up; people.Directory does.
type People interface {
	Person(ctx context.Context, id string) (people.Person, error)
}

// Letter is a notice.Letter.
type Letter struct {
	To   people.Person
	Kind string // KindLost, KindReminder
	Key  string // a letter of a key is sent once, ever
	Data any    // Notice
}

// Post sends letters; package notice's does, for who makes a notice.Letter of ours.
type Post interface {
	// Send reports whether it has sent the letter, or has sent one of its key before.
	Send(ctx context.Context, l Letter) (sent bool, err error)
}

// Keeper keeps what is on VMs from being lost.
type Keeper struct {
	Source  Source
	State   state.Dir
	People  People
	Post    Post
	Audit   audit.Recorder
	Rules   Rules
	Zone    *time.Location // of the times in letters
	Forget  time.Duration  // how long a VM is missing in Source before its reports are forgotten
	Old     time.Duration  // how old a report that belongs to no lease may get
	Extend  Extension
	DryRun  bool
	command func(ctx context.Context, argv []string) error // runs Extend's; for tests
}

// Standing is a lease and what is known of it.
type Standing struct {
	Lease
	Concerns []Concern `json:"concerns"`
	Warned   []Warned  `json:"warned"` // letters about this end
}

// Lost is how many workspaces would be lost.
func (s Standing) Lost() int {
	n := 0
	for _, c := range s.Concerns {
		n += len(c.Lost)
	}
	return n
}

// List tells what is known of all leases that are not gone, those that end first before
// others.
func (k *Keeper) List(ctx context.Context, now time.Time) ([]Standing, error) {
	standings, _, err := k.look(ctx)
	return slices.DeleteFunc(standings, func(s Standing) bool { return s.Gone(now) }), err
}

// look reads source, reports and books.
func (k *Keeper) look(ctx context.Context) ([]Standing, *books, error) {
	leases, err := all(ctx, k.Source)
	if err != nil {
		return nil, nil, err
	}
	reports, err := OpenReports(k.State).All()
	if err != nil {
		return nil, nil, err
	}
	books, err := openBooks(k.State)
	if err != nil {
		return nil, nil, err
	}
	var standings []Standing
	for i, concerned := range concerns(leases, reports) {
		s := Standing{Lease: leases[i], Concerns: concerned, Warned: []Warned{}}
		if b := books.all[s.VM]; b != nil {
			for _, w := range b.Warned {
				if sameEnd(w.Ends, s.Ends) {
					s.Warned = append(s.Warned, w)
				}
			}
		}
		standings = append(standings, s)
	}
	slices.SortStableFunc(standings, func(a, b Standing) int {
		if a.Ends.IsZero() != b.Ends.IsZero() {
			if a.Ends.IsZero() {
				return 1
			}
			return -1
		}
		return a.Ends.Compare(b.Ends)
	})
	return standings, books, nil
}

// locked does something while nobody else warns or sweeps.
func (k *Keeper) locked(do func() error) error {
	unlock, err := k.State.Lock(bookKind)
	if err != nil {
		return err
	}
	defer unlock()
	return do()
}

// errEmpty is for a list that has become empty all at once.
var errEmpty = errors.New("the list of leases is empty, and was not before; nothing is forgotten")

// see brings the books up to date with what the source says, and marks those whose VM
// it does not have any more.
func (k *Keeper) see(standings []Standing, books *books, now time.Time) error {
	there := map[string]bool{}
	for _, s := range standings {
		there[s.VM] = true
		if books.of(s.VM).see(s.Lease, now) && !k.DryRun {
			if err := books.save(s.VM); err != nil {
				return err
			}
		}
	}
	if len(standings) == 0 && len(books.all) > 0 {
		return errEmpty
	}
	for vm, b := range books.all {
		if there[vm] || !b.Missing.IsZero() {
			continue
		}
		b.Missing = now
		if !k.DryRun {
			if err := books.save(vm); err != nil {
				return err
			}
		}
	}
	return nil
}

// wrapped names whom an error is about.
func wrapped(vm, user string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s of %s: %w", vm, user, err)
}
