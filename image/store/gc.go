package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
)

// Policy says what garbage collection removes.
type Policy struct {
	MaxBytes  int64         // objects take at most this much, the least recently used go first; 0 is no limit
	UnusedFor time.Duration // objects that nobody has used for so long go; 0 keeps them

	// UndeleteFor is how long a deleted object can be had back. Until then it
	// takes its room.
	UndeleteFor time.Duration

	DryRun bool // only say what would be done
}

// Candidate is an object as garbage collection sees it.
type Candidate struct {
	Digest    digest.Digest
	SizeBytes int64     // of all its files
	LastUsed  time.Time // when it was made, or when a job last used it
	Used      time.Time // when a job last used it; zero if that is not known
	Users     int       // running jobs
	Pin       *Pin

	store *Store
}

// Verdict is what is done with a candidate, and why.
type Verdict struct {
	Candidate
	Remove bool
	Why    string
}

// Select decides by a policy which objects go, at the time now. It is a function
// of its arguments alone. The verdicts come back with the least recently used
// first.
func Select(all []Candidate, p Policy, now time.Time) []Verdict {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Candidate) int {
		return cmp.Or(a.LastUsed.Compare(b.LastUsed), cmp.Compare(a.Digest, b.Digest))
	})
	var total int64
	for _, c := range all {
		total += c.SizeBytes
	}
	verdicts := make([]Verdict, 0, len(all))
	for _, c := range all {
		v := Verdict{Candidate: c}
		age := now.Sub(c.LastUsed)
		switch {
		case c.Pin != nil:
			v.Why = "pinned: " + c.Pin.Reason
		case c.Users > 0:
			v.Why = fmt.Sprintf("in use by %d", c.Users)
		case p.UnusedFor > 0 && age >= p.UnusedFor:
			v.Remove, v.Why = true, fmt.Sprintf("unused for %d days", int(age.Hours()/24))
		case p.MaxBytes > 0 && total > p.MaxBytes:
			v.Remove, v.Why = true, "least recently used, and the store is over its size"
		default:
			v.Why = "used lately"
		}
		if v.Remove {
			total -= c.SizeBytes
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}

// Report is what Collect did, or would do.
type Report struct {
	Verdicts []Verdict
	Purged   []Deleted // deleted earlier, and gone for good now
	Deleted  []Deleted // that can still be had back
	Swept    []string  // files that interrupted conversions left
}

// Collect removes what the policy says from several realms, which share its
// budget: those of the site's projects, or one user's own. A job that starts at
// the same time either runs or makes its image again. Cancelling ctx stops
// between two objects.
func Collect(ctx context.Context, stores []*Store, p Policy) (Report, error) {
	var r Report
	var all []Candidate
	var failed error
	for _, s := range stores {
		if !p.DryRun {
			r.Swept = append(r.Swept, s.sweepThoroughly(ctx)...)
			s.sweepJobs()
		}
		found, err := s.candidates()
		failed = errors.Join(failed, err)
		all = append(all, found...)
	}
	if len(stores) == 0 {
		return r, nil
	}
	now := stores[0].clock.now()
	if !p.DryRun {
		now = stores[0].storageNow(stores[0].objectsDir())
	}
	r.Verdicts = Select(all, p, now)
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		if !v.Remove || p.DryRun {
			continue
		}
		if ctx.Err() != nil {
			return r, errors.Join(failed, context.Cause(ctx))
		}
		kept, err := v.store.remove(v.Digest, true)
		if kept {
			v.Remove, v.Why = false, "a job has begun to use it"
		}
		if err != nil && !errors.Is(err, ErrNotFound) { // removed by somebody else
			v.Remove, v.Why = false, "it could not be removed"
			failed = errors.Join(failed, err)
		}
	}
	for _, s := range stores {
		purged, err := s.purgeOld(p, now)
		r.Purged = append(r.Purged, purged...)
		left, listErr := s.Deleted()
		failed = errors.Join(failed, err, listErr)
		r.Deleted = append(r.Deleted, left...)
	}
	return r, failed
}

func (s *Store) purgeOld(p Policy, now time.Time) ([]Deleted, error) {
	if !p.DryRun {
		return s.purge("", p.UndeleteFor, now)
	}
	all, err := s.Deleted()
	return slices.DeleteFunc(all, func(d Deleted) bool { return now.Sub(d.Time) < p.UndeleteFor }), err
}

// Candidates describes all objects of this realm, as garbage collection sees them.
func (s *Store) Candidates() ([]Candidate, error) { return s.candidates() }

// Discard takes an object away so that it can be had back (Undelete) until garbage
// collection purges it, unless a job uses it: then it stays, and kept is true. The error
// wraps ErrNotFound when there is no such object.
func (s *Store) Discard(d digest.Digest) (kept bool, err error) {
	if n, err := s.users(d); err != nil || n > 0 {
		return true, err
	}
	return s.remove(d, true)
}

// candidates describes all objects, also damaged ones.
func (s *Store) candidates() ([]Candidate, error) {
	entries, err := os.ReadDir(s.objectsDir())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the store: %w", err)
	}
	leases, used, err := s.leases()
	if err != nil {
		return nil, err // without them nothing may be removed
	}
	pins, err := s.Pins()
	if err != nil {
		return nil, err
	}
	now := s.clock.now()
	var all []Candidate
	for _, e := range entries {
		stem, ok := strings.CutSuffix(e.Name(), imageSuffix)
		d, valid := digestOfStem(stem)
		if !ok || !valid {
			continue
		}
		info, err := os.Lstat(filepath.Join(s.objectsDir(), e.Name()))
		if err != nil {
			continue // removed meanwhile
		}
		c := Candidate{Digest: d, SizeBytes: sizeOf(s.objectsDir(), stem), LastUsed: info.ModTime(), Used: used[stem], store: s}
		if used[stem].After(c.LastUsed) {
			c.LastUsed = used[stem]
		}
		if pin, ok := pins[d]; ok {
			c.Pin = &pin
		}
		for _, l := range leases {
			if l.stem == stem && s.live(l, now) {
				c.Users++
			}
		}
		all = append(all, c)
	}
	return all, nil
}
