package store

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jrun-hpc/jrun/presence"
	"github.com/opencontainers/go-digest"
)

// elsewhere makes s a process on another machine, which nobody here can look at.
func elsewhere(s *Store, machine string) *Store {
	other := *s
	clock := *s.clock
	clock.self.Machine = machine
	other.clock = &clock
	return &other
}

// TestClaimIsTakenOverFromTheDead: at once when it is known, otherwise after a while. Time is
// synctest's, here and below: however busy the machine is, nobody is taken for dead by chance.
func TestClaimIsTakenOverFromTheDead(t *testing.T) {
	d := digest.FromString("manifest")
	stem, err := fileStem(d)
	check(t, err)
	for name, c := range map[string]struct {
		owner presence.Owner
		after time.Duration
	}{
		"of this machine, known to be dead":     {deadOwner(), 0},
		"of another machine, silent for long":   {presence.Owner{Machine: "0123456789ab", PID: 1, Start: 1}, claimPatience},
		"that cannot be read":                   {presence.Owner{}, claimPatience},
		"of this machine, suspended or hanging": {presence.Self(), claimPatience},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStore(t)
				check(t, s.makeRealm())
				text := []byte("torn")
				if c.owner != (presence.Owner{}) {
					text, err = json.Marshal(claimText{Sign: presence.Sign{Owner: c.owner}, Nonce: "n", Beat: 7})
					check(t, err)
				}
				check(t, os.WriteFile(filepath.Join(s.own.leases(), makeClaim+stem+".3"+claimSuffix), text, 0o600))
				began := time.Now()
				p, err := s.Create(t.Context(), d, nil)
				check(t, err)
				if took := time.Since(began); took < c.after || took > c.after+claimPollLast {
					t.Errorf("the claim was respected for %v, want %v", took, c.after)
				}
				if p.claim.generation != 4 {
					t.Errorf("generation %d was taken, want 4", p.claim.generation)
				}
				p.Abort()
				if left := files(t, s); len(left) != 0 {
					t.Errorf("left: %v", left)
				}
			})
		})
	}
}

// TestClaimOfTheLivingIsRespected: as long as it beats, by the watcher's clock.
func TestClaimOfTheLivingIsRespected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t)
		d := digest.FromString("manifest")
		p, err := s.Create(t.Context(), d, nil)
		check(t, err)
		p.Progress(map[string]int{"doneBytes": 7})
		p.claim.beat() // it is shown with the next one
		told := 0
		other := elsewhere(s, "0123456789ab")
		other.clock.gone = func(presence.Owner) bool { return false }
		ctx, cancel := context.WithTimeout(t.Context(), 4*claimPatience)
		defer cancel()
		_, err = other.Create(ctx, d, func(o Other) {
			told++
			if string(o.Progress) != `{"doneBytes":7}` || o.PID != os.Getpid() {
				t.Errorf("told %+v", o)
			}
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after four times the patience: %v", err)
		}
		if told < 3 {
			t.Errorf("told %d times", told)
		}
		p.Abort()
		if left := files(t, s); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// TestOneClaimAtATime: many want it, on two machines, and each has it for longer than a
// claim that does not beat is respected.
func TestOneClaimAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here := newStore(t)
		check(t, here.makeRealm())
		there := elsewhere(here, "0123456789ab")
		var holders, most, done atomic.Int32
		var wg sync.WaitGroup
		for i := range 16 {
			s := here
			if i%2 == 1 {
				s = there
			}
			wg.Go(func() {
				c, err := s.claim(t.Context(), "work", s.own.leases(), func() bool { return false }, nil)
				if err != nil {
					t.Error(err)
					return
				}
				most.Store(max(most.Load(), holders.Add(1)))
				time.Sleep(2 * claimPatience)
				holders.Add(-1)
				done.Add(1)
				c.release()
			})
		}
		wg.Wait()
		if most.Load() != 1 || done.Load() != 16 {
			t.Errorf("%d held it at once, %d in all; want 1 and 16", most.Load(), done.Load())
		}
		if left := files(t, here); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	})
}

func TestWithoutLinks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "once")
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if ok, err := createOnce(path, []byte("x")); err != nil {
				t.Error(err)
			} else if ok {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d won, want 1", won.Load())
	}
}
