package vmlease

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/printable"
	"github.com/jrun-hpc/jrun/quantity"
)

// Kinds of letters.
const (
	KindLost     = "lease"          // what would be lost, and what to do
	KindReminder = "lease-reminder" // that the VM ends, and nothing is known that would be lost
)

// Notice is the Data of a letter.
type Notice struct {
	VM        string
	Host      string
	Owner     string // ID
	Mine      bool   // the addressee is the owner
	Ends      string // with the time zone
	DaysLeft  int    // whole ones; 0 on the last day
	Ended     bool   // the lease is over, and the disk not gone yet
	Destroyed string // when it goes; empty if that is not known
	Elsewhere bool   // no machine of this name has reported; the workspaces are on others of the addressee
	Reported  bool
	Lost      []LostLine
}

// LostLine is a workspace in a letter.
type LostLine struct {
	Host, Name, Base string
	Size             string
	Used             string // day
	Pushed           string // what an earlier state was uploaded as; empty: never
}

// Warning is a letter that was due.
type Warning struct {
	VM    string    `json:"vm"`
	User  string    `json:"user"`
	Ends  time.Time `json:"ends"`
	Kind  string    `json:"kind"`
	Stage int       `json:"stage"` // days before the end
	Lost  []Lost    `json:"lost"`
	Sent  bool      `json:"sent"` // now; false with a dry run, and when it had been sent before a kill
	Error string    `json:"error,omitempty"`
}

// Warn writes to those who would lose something, and have not been told. The error
// joins what went wrong for some of them; the others have been written to.
func (k *Keeper) Warn(ctx context.Context, now time.Time) (warnings []Warning, err error) {
	err = k.locked(func() error {
		standings, books, err := k.look(ctx)
		if err != nil {
			return err
		}
		if err := k.see(standings, books, now); err != nil {
			return err
		}
		var failed []error
		for _, s := range standings {
			for _, c := range s.Concerns {
				stage, due := k.Rules.due(s.Lease, c, books.of(s.VM).Warned, now)
				if !due {
					continue
				}
				if ctx.Err() != nil {
					return errors.Join(append(failed, ctx.Err())...)
				}
				w, err := k.warn(ctx, s.Lease, c, stage, books, now)
				if err != nil {
					w.Error = err.Error()
					failed = append(failed, wrapped(s.VM, c.User, err))
				}
				warnings = append(warnings, w)
			}
		}
		return errors.Join(failed...)
	})
	return warnings, err
}

// warn sends one letter. It is sent before it is noted: after a kill between the two it is
// tried again with the same key, and not sent twice.
func (k *Keeper) warn(ctx context.Context, l Lease, c Concern, stage int, books *books, now time.Time) (Warning, error) {
	w := Warning{VM: l.VM, User: c.User, Ends: l.Ends, Kind: KindLost, Stage: stage, Lost: c.Lost}
	if len(c.Lost) == 0 {
		w.Kind = KindReminder
	}
	if k.DryRun {
		return w, nil
	}
	to, err := k.People.Person(ctx, c.User)
	if err != nil {
		return w, err
	}
	noted := Warned{User: c.User, Ends: l.Ends, At: now, Stage: stage}
	for _, one := range c.Lost {
		noted.Lost = append(noted.Lost, one.key())
	}
	slices.Sort(noted.Lost)
	letter := Letter{To: to, Kind: w.Kind, Key: letterKey(l, noted), Data: k.notice(l, c, now)}
	if w.Sent, err = k.Post.Send(ctx, letter); err != nil {
		return w, err
	}
	books.of(l.VM).warned(noted)
	return w, books.save(l.VM)
}

// letterKey is the same for the same letter only, and fit to be a file's name.
func letterKey(l Lease, w Warned) string {
	sum := sha256.Sum256([]byte(strings.Join(w.Lost, "\n")))
	return "lease/" + fileName(fmt.Sprintf("%s/%s/%s/%d/%s", strings.ToLower(w.User), l.VM, l.Ends.UTC().Format("20060102T1504"), w.Stage, hex.EncodeToString(sum[:8])))
}

func (k *Keeper) notice(l Lease, c Concern, now time.Time) Notice {
	zone := k.Zone
	if zone == nil {
		zone = time.Local
	}
	n := Notice{
		VM: l.VM, Host: l.Host, Owner: l.Owner, Mine: c.Owner, Elsewhere: c.Elsewhere, Reported: c.Reported,
		Ends: l.Ends.In(zone).Format("2006-01-02 15:04 MST"), DaysLeft: max(0, int(l.Ends.Sub(now)/day)), Ended: l.Ended(now),
	}
	if !l.Destroyed.IsZero() {
		n.Destroyed = l.Destroyed.In(zone).Format("2006-01-02 15:04 MST")
	}
	for _, one := range c.Lost {
		line := LostLine{Host: one.Host, Name: one.Name, Base: printable.Line(one.Base), Size: quantity.Size(one.Bytes), Pushed: printable.Line(one.Pushed)}
		if !one.Used.IsZero() {
			line.Used = one.Used.In(zone).Format("2006-01-02")
		}
		n.Lost = append(n.Lost, line)
	}
	return n
}
