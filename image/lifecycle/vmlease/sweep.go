package vmlease

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
)

// Swept is what Sweep has found and done.
type Swept struct {
	// Ended are leases that are over, whose VM still has what is not uploaded.
	Ended    []Standing `json:"ended"`
	Extended []Extended `json:"extended"`
	// Forgotten are reports of machines that are gone.
	Forgotten []Forgotten `json:"forgotten"`
}

// Forgotten is a report that was removed.
type Forgotten struct {
	Report
	VM  string `json:"vm,omitempty"` // empty: it belonged to no lease
	Why string `json:"why"`
}

// Sweep looks after leases that end and have ended. The error joins what went wrong for
// some; the others have been seen to.
func (k *Keeper) Sweep(ctx context.Context, now time.Time) (swept Swept, err error) {
	swept = Swept{Ended: []Standing{}, Extended: []Extended{}, Forgotten: []Forgotten{}}
	err = k.locked(func() error {
		standings, books, err := k.look(ctx)
		if err != nil {
			return err
		}
		if err := k.see(standings, books, now); err != nil {
			return err
		}
		for _, s := range standings {
			if s.Ended(now) && !s.Gone(now) && s.Lost() > 0 {
				swept.Ended = append(swept.Ended, s)
			}
		}
		extendErr := k.extend(ctx, standings, books, now, &swept)
		return errors.Join(extendErr, k.forget(standings, books, now, &swept))
	})
	return swept, err
}

// forget removes the reports of VMs that are gone, and the books of those that no source
// has any more.
func (k *Keeper) forget(standings []Standing, books *books, now time.Time, swept *Swept) error {
	reports, err := OpenReports(k.State).All()
	if err != nil {
		return err
	}
	var failed []error
	for _, r := range reports {
		vm, why := k.gone(r, standings, books, now)
		if why == "" {
			continue
		}
		done, err := k.forgetReport(r, vm, why)
		if err != nil {
			failed = append(failed, wrapped(r.Host, r.User, err))
		} else if done {
			swept.Forgotten = append(swept.Forgotten, Forgotten{r, vm, why})
		}
	}
	for vm, b := range books.all {
		if k.missing(b, now) && !k.DryRun {
			failed = append(failed, books.remove(vm))
		}
	}
	return errors.Join(failed...)
}

// missing reports whether a VM is in its source no more, for long enough.
func (k *Keeper) missing(b *book, now time.Time) bool {
	return !b.Missing.IsZero() && now.Sub(b.Missing) >= k.Forget
}

// gone says why a report's machine is gone; empty if it is not, as far as is known. What
// was reported after the end of a VM is of another one.
func (k *Keeper) gone(r Report, standings []Standing, books *books, now time.Time) (vm, why string) {
	for _, s := range standings {
		if !s.Is(r.Host) {
			continue
		}
		since := books.of(s.VM).Another
		switch {
		case s.Gone(now) && r.Received.Before(s.Destroyed):
			vm, why = s.VM, "its VM was destroyed at "+s.Destroyed.Format(time.RFC3339)
		case r.Received.Before(since) && now.Sub(since) >= k.Forget: // a machine that is there has reported again
			vm, why = s.VM, "its VM is another one since "+since.Format(time.RFC3339)
		default:
			return "", ""
		}
	}
	if why != "" {
		return vm, why
	}
	return k.goneUnlisted(r, books, now)
}

// goneUnlisted is gone for a report that belongs to no lease.
func (k *Keeper) goneUnlisted(r Report, books *books, now time.Time) (vm, why string) {
	for _, b := range books.all {
		if !b.Lease.Is(r.Host) || b.Missing.IsZero() {
			continue
		}
		if !k.missing(b, now) || !r.Received.Before(b.Missing) {
			return "", ""
		}
		vm, why = b.Lease.VM, "its VM is missing in the list of leases since "+b.Missing.Format(time.RFC3339)
	}
	if why != "" {
		return vm, why
	}
	if now.Sub(r.Received) >= k.Old {
		return "", "it belongs to no lease, and is of " + r.Received.Format(time.DateOnly)
	}
	return "", ""
}

func (k *Keeper) forgetReport(r Report, vm, why string) (done bool, err error) {
	if k.DryRun {
		return true, nil
	}
	names := make([]string, 0, len(r.Workspaces))
	for _, w := range r.Workspaces {
		names = append(names, w.Name)
	}
	act := audit.Act{Action: "lease.forget", Subject: r.User + " on " + r.Host, Reason: why, Details: map[string]string{"vm": vm, "not_uploaded": strings.Join(names, " ")}}
	err = k.Audit.Do(act, func() error {
		done, err = OpenReports(k.State).Forget(r)
		return err
	})
	return done, err
}

// Extension is a site's own way to extend leases.
type Extension struct {
	Command []string      // program and arguments; empty for none
	By      time.Duration // from the end
	Most    int           // how often for one VM
}

// Extended is a lease that was extended.
type Extended struct {
	VM    string    `json:"vm"`
	Owner string    `json:"owner"`
	Until time.Time `json:"until"`
}

// extend runs the site's command for leases that have come to the last stage before
// the end with something that is not uploaded.
func (k *Keeper) extend(ctx context.Context, standings []Standing, books *books, now time.Time, swept *Swept) error {
	if len(k.Extend.Command) == 0 {
		return nil
	}
	var failed []error
	for _, s := range standings {
		stage, ok := k.Rules.stage(s.Lease, now)
		if !ok || s.Ended(now) || stage != slices.Min(k.Rules.Days) || s.Lost() == 0 {
			continue
		}
		b := books.of(s.VM)
		if len(b.Extended) >= k.Extend.Most || slices.ContainsFunc(b.Extended, func(e extension) bool { return sameEnd(e.Ends, s.Ends) }) {
			continue
		}
		until := s.Ends.Add(k.Extend.By)
		err := k.extendOne(ctx, s.Lease, until)
		if err == nil && !k.DryRun {
			b.Extended = append(b.Extended, extension{Ends: s.Ends, Until: until, At: now})
			err = books.save(s.VM)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("extending the lease of %s: %w", s.VM, err))
			continue
		}
		swept.Extended = append(swept.Extended, Extended{s.VM, s.Owner, until})
	}
	return errors.Join(failed...)
}

func (k *Keeper) extendOne(ctx context.Context, l Lease, until time.Time) error {
	argv, err := arguments(k.Extend.Command, l, until)
	if err != nil || k.DryRun {
		return err
	}
	run := k.command
	if run == nil {
		run = runCommand
	}
	act := audit.Act{Action: "lease.extend", Subject: l.VM, Reason: "workspaces on it are not uploaded", Details: map[string]string{"owner": l.Owner, "ends": l.Ends.Format(time.RFC3339), "until": until.Format(time.RFC3339)}}
	return k.Audit.Do(act, func() error { return run(ctx, argv) })
}
