package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/presence"
	"github.com/opencontainers/go-digest"
)

func TestOneMakesTheOthersWait(t *testing.T) {
	s := newStore(t)
	d := digest.FromString("manifest")
	var wg sync.WaitGroup
	var mu sync.Mutex
	outcome := map[string]int{}
	for range 8 {
		wg.Go(func() {
			p, err := s.Create(context.Background(), d, nil)
			result := "made"
			switch {
			case errors.Is(err, ErrExists):
				result = "found"
			case err != nil:
				result = err.Error()
			default:
				time.Sleep(50 * time.Millisecond)
				if _, err := p.Commit(Meta{}); err != nil {
					result = err.Error()
				}
				p.Abort()
			}
			mu.Lock()
			defer mu.Unlock()
			outcome[result]++
		})
	}
	wg.Wait()
	if diff := cmp.Diff(map[string]int{"made": 1, "found": 7}, outcome); diff != "" {
		t.Error(diff)
	}
	if left := files(t, s); len(left) != 2 {
		t.Errorf("left: %v", left)
	}
}

// TestTwoThatBothMakeIt: a process that was taken for dead comes back. Both
// succeed, and the object is whole at every moment.
func TestTwoThatBothMakeIt(t *testing.T) {
	s := newStore(t)
	d := digest.FromString("manifest")
	var pending []*Pending
	for range 2 {
		p, err := s.Create(t.Context(), d, nil)
		check(t, err)
		p.claim.release() // as if it had been taken over
		p.claim = nil
		if _, err := p.File.WriteString("the same bytes"); err != nil {
			t.Fatal(err)
		}
		pending = append(pending, p)
	}
	for _, p := range pending {
		if _, err := p.Commit(Meta{}); err != nil {
			t.Fatal(err)
		}
		o, err := s.Get(d)
		check(t, err)
		if b, err := os.ReadFile(o.Path); err != nil || string(b) != "the same bytes" {
			t.Errorf("content %q, %v", b, err)
		}
	}
	if left := files(t, s); len(left) != 2 {
		t.Errorf("left: %v", left)
	}
}

// TestSweptWhileSuspended: what a process had written is gone when it commits.
func TestSweptWhileSuspended(t *testing.T) {
	s := newStore(t)
	p, err := s.Create(t.Context(), digest.FromString("manifest"), nil)
	check(t, err)
	check(t, os.Remove(p.File.Name()))
	if _, err := p.Commit(Meta{}); !errors.Is(err, ErrLost) {
		t.Errorf("got %v", err)
	}
	p.Abort()
	if left := files(t, s); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestWaitingCanBeCancelled(t *testing.T) {
	s := newStore(t)
	d := digest.FromString("manifest")
	p, err := s.Create(t.Context(), d, nil)
	check(t, err)
	defer p.Abort()
	ctx, cancel := context.WithCancel(t.Context())
	_, err = s.Create(ctx, d, func(Other) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	s := newStore(t)
	p, err := s.Create(t.Context(), digest.FromString("m"), nil)
	check(t, err)
	p.Abort()
	p.Abort()
	dir, remove, err := s.Scratch()
	check(t, err)
	check(t, os.WriteFile(filepath.Join(dir, "big"), nil, 0o600))
	remove()
	if left := files(t, s); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestSweep(t *testing.T) {
	s := newStore(t)
	p, err := s.Create(t.Context(), digest.FromString("alive"), nil)
	check(t, err)
	defer p.Abort()
	old := time.Now().Add(-2 * foreignGrace)
	hex := strings.Repeat("1", 64)
	dead, elsewhere := deadOwner(), presence.Self()
	elsewhere.Machine = "0123456789ab"
	tests := []struct {
		name string
		old  bool
		dir  bool
		want bool // still there
	}{
		{temporaryPrefix + "x@" + dead.String() + "@dead", false, false, false},
		{temporaryPrefix + "x@" + dead.String() + "@deaddir", false, true, false},
		{temporaryPrefix + "x@" + presence.Self().String() + "@alive", true, false, true},
		{temporaryPrefix + "x@" + elsewhere.String() + "@young", false, false, true},
		{temporaryPrefix + "x@" + elsewhere.String() + "@old", true, false, false},
		{temporaryPrefix + "of-some-later-version", false, false, true},
		{"sha256-" + hex + metaSuffix, false, false, true},
		{"sha512-" + hex + hex + metaSuffix, true, false, false},
		{"sha512-" + hex + hex + ".python3" + profileSuffix, true, false, false},
		{"sha256-" + hex + ".python3" + profileSuffix, false, false, true},
		{temporaryProfile + "old", true, false, false},
		{temporaryProfile + "young", false, false, true},
		{"something-else", true, false, true},
	}
	for _, tt := range tests {
		path := filepath.Join(s.objectsDir(), tt.name)
		if tt.dir {
			check(t, os.MkdirAll(filepath.Join(path, "deep"), 0o700))
		} else {
			check(t, os.WriteFile(path, []byte("x"), 0o600))
		}
		if tt.old {
			check(t, os.Chtimes(path, old, old))
		}
	}
	s.sweep()
	for _, tt := range tests {
		_, err := os.Lstat(filepath.Join(s.objectsDir(), tt.name))
		if got := err == nil; got != tt.want {
			t.Errorf("%s: still there %v, want %v", tt.name, got, tt.want)
		}
	}
	if !stillNamed(p.File) {
		t.Error("the file of a living process was swept")
	}
}
