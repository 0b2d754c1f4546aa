package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
)

// Pin keeps an object from garbage collection: somebody has cited it.
type Pin struct {
	Digest digest.Digest `json:"digest"`
	Reason string        `json:"reason"`
	Time   time.Time     `json:"time"`
}

func (s *Store) pinPath(d digest.Digest) (string, error) {
	stem, err := fileStem(d)
	return filepath.Join(s.own.pins(), stem+metaSuffix), err
}

// SetPin pins the object of p.Digest, which must be there: else the error wraps
// ErrNotFound.
func (s *Store) SetPin(p Pin) error {
	path, err := s.pinPath(p.Digest)
	if err != nil {
		return err
	}
	if err := s.Undelete(p.Digest); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if _, err := s.Get(p.Digest); err != nil {
		return err
	}
	b, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the pin of %s: %w", p.Digest, err)
	}
	if err := s.makeRealm(); err != nil {
		return err
	}
	if err := s.publishSmall(path, append(b, '\n')); err != nil {
		return s.WriteFault(fmt.Errorf("pinning %s: %w", p.Digest, err))
	}
	return nil
}

// RemovePin lets garbage collection have the object of d again. The error wraps
// ErrNotFound when it was not pinned.
func (s *Store) RemovePin(d digest.Digest) error {
	path, err := s.pinPath(d)
	if err != nil {
		return err
	}
	err = os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("unpinning %s: %w", d, ErrNotFound)
	}
	if err != nil {
		return s.WriteFault(fmt.Errorf("unpinning %s: %w", d, err))
	}
	return nil
}

// Pins returns all pins, by digest. One that cannot be read counts, without a
// reason: it is better to keep too much.
func (s *Store) Pins() (map[digest.Digest]Pin, error) {
	entries, err := os.ReadDir(s.own.pins())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing pins: %w", err)
	}
	pins := map[digest.Digest]Pin{}
	for _, e := range entries {
		stem, ok := strings.CutSuffix(e.Name(), metaSuffix)
		d, valid := digestOfStem(stem)
		if !ok || !valid {
			continue
		}
		p := Pin{}
		b, err := readSmall(filepath.Join(s.own.pins(), e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			_ = json.Unmarshal(b, &p)
		}
		p.Digest = d
		pins[d] = p
	}
	return pins, nil
}
