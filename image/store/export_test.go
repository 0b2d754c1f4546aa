package store

import (
	"path/filepath"
	"time"

	"github.com/jrun-hpc/jrun/presence"
)

// World is what the simulation decides for the processes in it.
type World struct {
	Now   func() time.Time
	Sleep func(time.Duration) <-chan time.Time
	Gone  func(presence.Owner) bool
	Step  func(string)
}

// In is s for a process of a simulated world. user, if not empty, replaces the
// account in the name of the realm.
func (s *Store) In(w World, self presence.Owner, user string) *Store {
	c := *s
	clock := *s.clock
	clock.self, clock.now, clock.sleep, clock.gone = self, w.Now, w.Sleep, w.Gone
	clock.files = func(*Store, string) time.Time { return w.Now() }
	c.clock, c.step = &clock, w.Step
	if user != "" {
		c.own.dir = filepath.Join(s.root, "user", user)
	}
	return &c
}
