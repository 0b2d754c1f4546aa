package vmlease

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image/lifecycle/state"
)

// bookKind is the kind of documents that books are.
const bookKind = "lease"

// book is what is remembered of a VM.
type book struct {
	Lease    Lease       `json:"lease"`               // as its source had it last
	Missing  time.Time   `json:"missing,omitzero"`    // since when the source does not have it any more
	SeenGone bool        `json:"seen_gone,omitempty"` // the source was seen to have it as gone
	Another  time.Time   `json:"another,omitzero"`    // since when the name is somebody else's, or another VM's
	Warned   []Warned    `json:"warned,omitempty"`
	Extended []extension `json:"extended,omitempty"`
}

// extension is a lease that the site's command has extended.
type extension struct {
	Ends  time.Time `json:"ends"` // before
	Until time.Time `json:"until"`
	At    time.Time `json:"at"`
}

// books are those of all VMs, by name.
type books struct {
	dir state.Dir
	all map[string]*book
}

// openBooks reads all. One that is damaged begins anew: a letter more does less harm than
// one less.
func openBooks(dir state.Dir) (*books, error) {
	names, err := dir.Names(bookKind)
	if err != nil {
		return nil, err
	}
	b := &books{dir: dir, all: map[string]*book{}}
	for _, name := range names {
		var one book
		err := dir.Load(bookKind, name, &one)
		if errors.Is(err, state.ErrNotFound) || errors.Is(err, state.ErrDamaged) {
			continue
		}
		if err != nil {
			return nil, err
		}
		b.all[one.Lease.VM] = &one
	}
	return b, nil
}

// of is the book of a VM, which is new if there is none.
func (b *books) of(vm string) *book {
	if b.all[vm] == nil {
		b.all[vm] = &book{}
	}
	return b.all[vm]
}

func (b *books) save(vm string) error { return b.dir.Save(bookKind, fileName(vm), b.all[vm]) }

func (b *books) remove(vm string) error {
	delete(b.all, vm)
	return b.dir.Remove(bookKind, fileName(vm))
}

// mostWarned bounds what a book keeps of letters.
const mostWarned = 500

// see notes what the source says of a lease. Letters about an earlier end are of no use
// any more; and a name that somebody else has now, or that was a VM's that is gone, may be
// another VM's. Gone it was if somebody has looked meanwhile: a lease that was made longer
// while jadm was down is the same VM's.
func (b *book) see(l Lease, now time.Time) (changed bool) {
	gone := l.Gone(now)
	if b.Lease == l && b.Missing.IsZero() && b.SeenGone == gone {
		return false
	}
	wasGone := b.SeenGone || !b.Missing.IsZero() && b.Lease.Gone(now)
	if b.Lease.VM != "" && (!strings.EqualFold(b.Lease.Owner, l.Owner) || wasGone && !gone) {
		b.Another, b.Extended = now, nil
	}
	b.Lease, b.Missing, b.SeenGone = l, time.Time{}, gone
	b.Warned = slices.DeleteFunc(b.Warned, func(w Warned) bool { return !sameEnd(w.Ends, l.Ends) })
	return true
}

func (b *book) warned(w Warned) {
	b.Warned = append(b.Warned, w)
	if over := len(b.Warned) - mostWarned; over > 0 {
		b.Warned = slices.Delete(b.Warned, 0, over)
	}
}
