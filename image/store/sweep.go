package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// clockSlack is by how much the clocks of hosts may differ, and then some: what
// another host has touched less long ago is not judged.
const clockSlack = 2 * time.Minute

// sweepThoroughly removes everything that interrupted work has left, also on
// other hosts: it takes the time to watch their claims. It returns the names of
// what it removed, for people.
func (s *Store) sweepThoroughly(ctx context.Context) []string {
	before := s.temporaries()
	s.sweep()
	for _, path := range before {
		s.sweepOne(path) // those in the directories of jobs, too
	}
	dead := s.deadClaims(ctx)
	for _, c := range dead {
		_ = os.Remove(c.path)
	}
	now := s.clock.now()
	for _, path := range s.temporaries() {
		what, owner, ok := parseTemporary(filepath.Base(path))
		stem, isObject := strings.CutSuffix(what, indexSuffix)
		_, valid := digestOfStem(stem)
		if !ok || s.clock.here(owner) || !isObject && !valid {
			continue
		}
		// An object is made under a claim, which goes last.
		info, err := os.Lstat(path)
		if valid && len(s.claims(makeClaim+stem)) == 0 && err == nil && now.Sub(info.ModTime()) > clockSlack {
			_ = os.RemoveAll(path)
		}
	}
	s.sweepLeases()
	left := map[string]bool{}
	for _, path := range s.temporaries() {
		left[path] = true
	}
	var swept []string
	for _, path := range before {
		if !left[path] {
			swept = append(swept, path)
		}
	}
	return swept
}

// temporaries lists the temporary files of the realm.
func (s *Store) temporaries() []string {
	var found []string
	for _, dir := range append(s.own.dirs()[1:], namesIn(s.own.jobs(), "", "")...) {
		found = append(found, namesIn(dir, temporaryPrefix, "")...)
	}
	return found
}

// deadClaims returns the claims whose holders are dead: known to be on this
// machine, watched on others.
func (s *Store) deadClaims(ctx context.Context) []foundClaim {
	var dead []foundClaim
	watched := map[string]*claimSight{}
	for deadline := s.clock.now().Add(claimPatience + time.Second); ; {
		watching := false
		dead = dead[:0]
		for _, c := range s.allClaims() {
			sight := watched[c.path]
			if sight == nil {
				sight = &claimSight{}
				watched[c.path] = sight
			}
			switch {
			case s.clock.gone(c.Owner), sight.unchanged(c, s.clock.now()):
				dead = append(dead, c)
			default:
				watching = watching || !s.clock.here(c.Owner)
			}
		}
		if !watching || !s.clock.now().Before(deadline) {
			return dead
		}
		select {
		case <-ctx.Done():
			return dead
		case <-s.clock.sleep(claimPollLast):
		}
	}
}

func (s *Store) allClaims() []foundClaim {
	names := map[string]bool{}
	for _, path := range namesIn(s.own.leases(), "", claimSuffix) {
		name := strings.TrimSuffix(filepath.Base(path), claimSuffix)
		if what, _, ok := cutLast(name, "."); ok {
			names[what] = true
		}
	}
	var all []foundClaim
	for what := range names {
		all = append(all, s.claims(what)...)
	}
	return all
}

// sweepLeases removes the leases of jobs that have ended, and keeps the time of
// the last use.
func (s *Store) sweepLeases() {
	leases, used, err := s.leases()
	if err != nil {
		return
	}
	known := s.knownStems()
	now := s.clock.now()
	for _, l := range leases {
		if s.live(l, now) || now.Sub(l.written) < leaseGrace && !l.readable {
			continue
		}
		// The service account cannot touch what a user made, but it can remove it
		// and keep a file of its own; only of objects that there are, so that no
		// user can fill its quota with those.
		if known(l.stem) && !s.keepUse(l.stem, used[l.stem]) {
			continue
		}
		_ = os.Remove(l.path)
	}
	if s.dropBox != "" {
		s.sweepDropBox(known, used)
		s.sweepReports()
	}
}

// keepUse records when an object was last used, and reports whether that worked.
func (s *Store) keepUse(stem string, at time.Time) bool {
	if at.IsZero() {
		return true // nothing is known
	}
	path := filepath.Join(s.usedDir(), stem+usedSuffix)
	if info, err := os.Lstat(path); err == nil && !info.ModTime().Before(at) {
		return true
	}
	to, err := unix.TimeToTimespec(at)
	return err == nil && stamp(path, 0o600, to) == nil
}

// sweepDropBox removes what users have left in the drop box for a day, but
// leases: times of last uses, which are kept elsewhere, and what has no business
// there. Directories that are not empty are their owner's to remove.
func (s *Store) sweepDropBox(known func(string) bool, used map[string]time.Time) {
	entries, err := os.ReadDir(s.dropBox)
	if err != nil {
		return
	}
	for _, e := range entries {
		path := filepath.Join(s.dropBox, e.Name())
		info, err := os.Lstat(path)
		isLease := strings.Contains(e.Name(), "@") && strings.HasSuffix(e.Name(), leaseSuffix)
		if err != nil || isLease {
			continue
		}
		if age := s.clock.now().Sub(info.ModTime()); age < foreignGrace && age > -clockSlack {
			continue
		}
		stem, isUse := strings.CutSuffix(e.Name(), usedSuffix)
		stem, _, _ = strings.Cut(stem, ".")
		if isUse && known(stem) && !s.keepUse(stem, used[stem]) {
			continue
		}
		_ = os.Remove(path)
	}
}

// knownStems tells which objects there are whose leases are beside those of this
// store's, also deleted ones.
func (s *Store) knownStems() func(stem string) bool {
	if s.dropBox == "" {
		return func(string) bool { return true }
	}
	known := map[string]bool{}
	places, err := siteProjects(filepath.Join(s.root, "site"))
	for _, p := range places {
		r := realm{dir: filepath.Join(s.root, "site", p.Registry, p.Project)}
		objects, objectsErr := os.ReadDir(r.objects())
		deleted, deletedErr := os.ReadDir(r.deleted())
		err = errors.Join(err, objectsErr, deletedErr)
		for _, e := range objects {
			if stem, ok := strings.CutSuffix(e.Name(), imageSuffix); ok {
				known[stem] = true
			}
		}
		for _, e := range deleted {
			_, stem, _ := strings.Cut(e.Name(), "-")
			known[stem] = true
		}
	}
	return func(stem string) bool { return err != nil || known[stem] }
}
