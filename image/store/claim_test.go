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

// impatient makes the waiting of s short: its clock runs fifty times as fast.
func impatient(s *Store) *Store {
	fast := *s
	clock := *s.clock
	began := time.Now()
	clock.now = func() time.Time { return began.Add(50 * time.Since(began)) }
	clock.sleep = func(d time.Duration) <-chan time.Time { return time.After(d / 50) }
	fast.clock = &clock
	return &fast
}

func TestClaimIsTakenOverFromTheDead(t *testing.T) {
	d := digest.FromString("manifest")
	stem, err := fileStem(d)
	check(t, err)
	for name, owner := range map[string]presence.Owner{
		"of this machine, known to be dead":     deadOwner(),
		"of another machine, silent for long":   {Machine: "0123456789ab", PID: 1, Start: 1},
		"that cannot be read":                   {},
		"of this machine, suspended or hanging": presence.Self(),
	} {
		t.Run(name, func(t *testing.T) {
			s := impatient(newStore(t))
			check(t, s.makeRealm())
			text := []byte("torn")
			if owner != (presence.Owner{}) {
				text, err = json.Marshal(claimText{Sign: presence.Sign{Owner: owner}, Nonce: "n", Beat: 7})
				check(t, err)
			}
			check(t, os.WriteFile(filepath.Join(s.own.leases(), makeClaim+stem+".3"+claimSuffix), text, 0o600))
			began := time.Now()
			p, err := s.Create(t.Context(), d, nil)
			check(t, err)
			if took := time.Since(began); owner == deadOwner() && took > claimPatience/100 {
				t.Errorf("a claim of a dead process was respected for %v", took)
			}
			if p.claim.generation != 4 {
				t.Errorf("generation %d was taken, want 4", p.claim.generation)
			}
			p.Abort()
			if left := files(t, s); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// TestClaimOfTheLivingIsRespected: as long as it beats, by the watcher's clock.
func TestClaimOfTheLivingIsRespected(t *testing.T) {
	s := newStore(t)
	d := digest.FromString("manifest")
	p, err := s.Create(t.Context(), d, nil)
	check(t, err)
	p.Progress(map[string]int{"doneBytes": 7})
	for range 3 { // the ticker of one second is too slow for a test
		p.claim.beat()
	}
	var told atomic.Int32
	ctx, cancel := context.WithCancel(t.Context())
	beats := make(chan struct{})
	go func() {
		defer close(beats)
		for ctx.Err() == nil {
			p.claim.beat()
			time.Sleep(2 * time.Millisecond)
		}
	}()
	other := impatient(elsewhere(s, "0123456789ab"))
	other.clock.gone = func(presence.Owner) bool { return false }
	go func() { time.Sleep(4 * claimPatience / 50); cancel() }()
	_, err = other.Create(ctx, d, func(o Other) {
		told.Add(1)
		if string(o.Progress) != `{"doneBytes":7}` || o.PID != os.Getpid() {
			t.Errorf("told %+v", o)
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("after four times the patience: %v", err)
	}
	if told.Load() < 3 {
		t.Errorf("told %d times", told.Load())
	}
	<-beats
	p.Abort()
	if left := files(t, s); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// TestOneClaimAtATime: many want it, on two machines, and some die with it.
func TestOneClaimAtATime(t *testing.T) {
	here := impatient(newStore(t))
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
			time.Sleep(time.Millisecond)
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
