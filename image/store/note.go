package store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A note is a small thing that was found out and that spares a request, or a
// refused login, the next time. Nothing depends on it. It holds no secrets.
type note struct {
	Kind  string          `json:"kind"`
	Name  string          `json:"name"`
	Time  time.Time       `json:"time"`
	Value json.RawMessage `json:"value"`
}

func (s *Store) notePath(kind, name string) string {
	sum := sha256.Sum256([]byte(name))
	return filepath.Join(s.own.notes(), kind+"-"+hex.EncodeToString(sum[:16])+metaSuffix)
}

// SetNote keeps a value, which encoding/json can encode, under a kind and a name.
func (s *Store) SetNote(kind, name string, value any) error {
	b, err := json.Marshal(value)
	if err == nil {
		b, err = json.Marshal(note{Kind: kind, Name: name, Time: s.clock.now().UTC(), Value: b})
	}
	if err != nil {
		return fmt.Errorf("encoding a note about %s: %w", name, err)
	}
	if err := s.makeRealm(); err != nil {
		return err
	}
	return s.publishSmall(s.notePath(kind, name), b)
}

// Note reads a value that was kept into value, and says how old it is. The error
// wraps ErrNotFound when there is none.
func (s *Store) Note(kind, name string, value any) (age time.Duration, err error) {
	b, err := readSmall(s.notePath(kind, name))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("looking for a note about %s: %w", name, ErrNotFound)
	}
	var n note
	if err == nil {
		err = json.Unmarshal(b, &n)
	}
	if err == nil && (n.Kind != kind || n.Name != name) {
		err = fmt.Errorf("it is about %q", n.Name)
	}
	if err == nil {
		err = json.Unmarshal(n.Value, value)
	}
	if err != nil {
		return 0, fmt.Errorf("reading a note about %s: %w", name, err)
	}
	return s.clock.now().Sub(n.Time), nil
}

// RemoveNote forgets a note.
func (s *Store) RemoveNote(kind, name string) { _ = os.Remove(s.notePath(kind, name)) }
