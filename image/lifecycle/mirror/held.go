package mirror

import (
	"os"
	"path/filepath"
	"time"

	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

// heldCache reads what the store has of projects, and of a project that was read before
// only what has changed: with thousands of images the rest would take seconds for each
// look.
type heldCache struct {
	of   map[string]*cached // by realm
	size int                // of all
}

type cached struct {
	contents store.Contents
	pins     map[digest.Digest]bool
	state    [4]time.Time
	still    bool // state tells of the next change
}

// mostCached bounds how many objects, names and aliases are remembered: some hundred
// bytes each.
const mostCached = 200_000

// settled is how long ago a directory must have changed for its time to tell of the
// next change, on file systems with coarse clocks.
const settled = 3 * time.Second

// read is what the store has of its project now. Objects that cannot be read count as
// missing, so that they are made again; of pins, everything must be known.
func (c *heldCache) read(s *store.Store) (Held, error) {
	realm := s.Realm()
	k := c.of[realm]
	if k == nil {
		k = &cached{}
	}
	state, still := realmState(realm)
	if !k.still || !still || k.state != state {
		before := k.contents.Size()
		pins, err := s.Pins()
		if err == nil {
			err = s.Refresh(&k.contents)
		}
		if err != nil {
			return Held{}, err
		}
		k.pins, k.state, k.still = map[digest.Digest]bool{}, state, still
		for d := range pins {
			k.pins[d] = true
		}
		c.keep(realm, k, before)
	}
	return Held{Objects: k.contents.Objects, Names: k.contents.Refs(), Aliases: k.contents.Aliases(), Pins: k.pins}, nil
}

// keep remembers a project, and forgets others when that is too much.
func (c *heldCache) keep(realm string, k *cached, before int) {
	if c.of == nil {
		c.of = map[string]*cached{}
	}
	if c.of[realm] == nil {
		before = 0
	}
	c.of[realm] = k
	c.size += k.contents.Size() - before
	for other, o := range c.of {
		if c.size <= mostCached {
			return
		}
		delete(c.of, other)
		c.size -= o.contents.Size()
	}
}

// drop forgets a project: what is damaged shows only when everything is read again.
func (c *heldCache) drop(realm string) {
	if k := c.of[realm]; k != nil {
		c.size -= k.contents.Size()
		delete(c.of, realm)
	}
}

// realmState changes when something in a realm does. still is false when that was just
// now.
func realmState(dir string) (state [4]time.Time, still bool) {
	still = true
	for i, name := range []string{"objects", "refs", "aliases", "pins"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			return state, false
		}
		state[i] = info.ModTime()
		still = still && time.Since(state[i]) > settled
	}
	return state, still
}
