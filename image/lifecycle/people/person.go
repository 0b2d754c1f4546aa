package people

import (
	"context"
	"errors"
	"iter"
	"time"
)

// ErrUnknown is wrapped by errors about a person or group that is not there.
var ErrUnknown = errors.New("the directory knows nobody of this name")

// Person is somebody with an account.
type Person struct {
	ID         string    `json:"id"`                   // name to log in with, as Harbor writes it; a student's number may be all digits
	Name       string    `json:"name"`                 // as people write it; ID if it is not known
	Mail       string    `json:"mail,omitempty"`       // empty if it is not known
	Language   string    `json:"language,omitempty"`   // en, ja; empty if it is not known
	UID        int       `json:"uid"`                  // on the compute servers; -1 if it is not known
	GID        int       `json:"gid"`                  // of the primary group; -1 if it is not known
	Groups     []string  `json:"groups,omitempty"`     // DNs, or names where people come from a CSV file
	Supervisor string    `json:"supervisor,omitempty"` // ID of who takes over; empty if it is not known
	Disabled   bool      `json:"disabled,omitempty"`   // the account is locked
	Expires    time.Time `json:"expires,omitzero"`     // when the account ends, or ended; zero for never
}

// Ended reports whether the account was over or locked at now.
func (p Person) Ended(now time.Time) bool {
	return p.Disabled || !p.Expires.IsZero() && !now.Before(p.Expires)
}

// Group is a group of people.
type Group struct {
	DN      string // or its name, where people come from a CSV file
	GID     int    // on the compute servers; -1 if it has none
	Members []string
}

// Directory knows people.
type Directory interface {
	// Person looks one up by ID, in any case; the error wraps ErrUnknown when there is
	// none, and is another one when the directory cannot say.
	Person(ctx context.Context, id string) (Person, error)
	// People are all of them.
	People(ctx context.Context) iter.Seq2[Person, error]
	// Group looks one up by DN; the error wraps ErrUnknown when there is none.
	Group(ctx context.Context, dn string) (Group, error)
}
