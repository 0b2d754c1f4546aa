package store

import (
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
)

// Retire deletes the object of d, with the names and aliases that lead to it, so that
// it can be had back: by Undelete, or by whoever is about to make it again. An object
// that a job uses is kept, with its names, and kept is true. Pins are the caller's to
// look at. The error wraps ErrNotFound when there is no such object; its names are
// forgotten even then.
func (s *Store) Retire(d digest.Digest) (kept bool, err error) {
	kept, err = s.remove(d, true)
	if kept || err != nil && !errors.Is(err, ErrNotFound) {
		return kept, err
	}
	s.step("retired")
	refs, _ := s.RefsOf(d) // one that cannot be read leads to nothing
	failed := s.removeAliasesTo(d)
	for _, ref := range refs {
		failed = errors.Join(failed, s.RemoveRef(ref.Name))
	}
	if failed != nil {
		return false, fmt.Errorf("removing what names %s: %w", d, failed)
	}
	return false, err
}
