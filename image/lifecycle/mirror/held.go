package mirror

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

// readHeld reads what the store has of a project. What cannot be read of objects
// counts as missing, so that it is made again; of pins, everything must be known.
func readHeld(s *store.Store) (Held, error) {
	h := Held{Objects: map[digest.Digest]time.Time{}, Pins: map[digest.Digest]bool{}}
	pins, err := s.Pins()
	if err != nil {
		return h, err
	}
	for d := range pins {
		h.Pins[d] = true
	}
	objects, damaged := s.List()
	for _, o := range objects {
		h.Objects[o.Digest] = o.Meta.Created
	}
	if damaged != nil && !errors.Is(damaged, store.ErrDamaged) && !errors.Is(damaged, store.ErrUntrusted) {
		return h, damaged
	}
	h.Names, _ = s.Refs() // one that cannot be read is written again, or stands for nothing
	h.Aliases, err = s.Aliases()
	return h, err
}

// heldCache spares reading a large project again for each of its repositories, while
// nothing in it changes.
type heldCache struct {
	realm string
	held  Held
	state [4]time.Time
}

// settled is how long ago a directory must have changed for its time to tell of the
// next change, on file systems with coarse clocks.
const settled = 3 * time.Second

func (c *heldCache) read(s *store.Store) (Held, error) {
	state, still := realmState(s.Realm())
	if still && c.realm == s.Realm() && c.state == state {
		return c.held, nil
	}
	held, err := readHeld(s)
	*c = heldCache{}
	if err == nil && still {
		*c = heldCache{realm: s.Realm(), held: held, state: state}
	}
	return held, err
}

// drop forgets it.
func (c *heldCache) drop() { *c = heldCache{} }

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
