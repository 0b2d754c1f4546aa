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

// TestWithoutLocks: two that make one digest and cannot see each other's locks
// both succeed, and the object is whole at every moment.
func TestWithoutLocks(t *testing.T) {
	s := newStore(t)
	d := digest.FromString("manifest")
	var pending []*Pending
	for range 2 {
		p, err := s.Create(t.Context(), d, nil)
		check(t, err)
		p.unlock() // as if on a host of its own
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

func TestWaitingCanBeCancelled(t *testing.T) {
	s := newStore(t)
	d := digest.FromString("manifest")
	p, err := s.Create(t.Context(), d, nil)
	check(t, err)
	defer p.Abort()
	ctx, cancel := context.WithCancel(t.Context())
	_, err = s.Create(ctx, d, cancel)
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
	tests := []struct {
		name string
		old  bool
		dir  bool
		want bool // still there
	}{
		{temporaryPrefix + "x@" + hostname() + "@dead", false, false, false},
		{temporaryPrefix + "x@" + hostname() + "@deaddir", false, true, false},
		{temporaryPrefix + "x" + lockSuffix, false, false, false},
		{temporaryPrefix + "x@another-host@young", false, false, true},
		{temporaryPrefix + "x@another-host@old", true, false, false},
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
