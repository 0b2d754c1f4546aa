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
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/opencontainers/go-digest"
)

// Ref is a name and what it stood for when it was last resolved.
type Ref struct {
	Name     string        `json:"name"`     // canonical, as image.Reference.String writes it
	Digest   digest.Digest `json:"digest"`   // of the object's manifest
	Resolved digest.Digest `json:"resolved"` // what the registry answered: Digest, or the index it is in
	Time     time.Time     `json:"time"`
}

func (s *Store) refPath(name string) string {
	sum := sha256.Sum256([]byte(name))
	return filepath.Join(s.refsDir(), hex.EncodeToString(sum[:])+metaSuffix)
}

// SetRef records ref. It is called after the object is published.
func (s *Store) SetRef(ref Ref) error {
	b, err := json.MarshalIndent(ref, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the reference %s: %w", ref.Name, err)
	}
	if err := s.makeRealm(); err != nil {
		return err
	}
	s.sweep() // whoever died between the object and its name left no object to make
	if err := s.publishSmall(s.refPath(ref.Name), append(b, '\n')); err != nil {
		return s.WriteFault(fmt.Errorf("recording the reference %s: %w", ref.Name, err))
	}
	return nil
}

// Ref returns what name last stood for. The error wraps ErrNotFound when the
// name is not known. The object may have been removed since.
func (s *Store) Ref(name string) (Ref, error) {
	ref, err := readRef(s.refPath(name))
	if err == nil && ref.Name != name {
		err = fmt.Errorf("the file is about %q", ref.Name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrNotFound
	}
	if err != nil {
		return Ref{}, fmt.Errorf("looking for the reference %s: %w", name, err)
	}
	return ref, nil
}

func readRef(path string) (Ref, error) {
	b, err := readSmall(path)
	if err != nil {
		return Ref{}, err
	}
	var ref Ref
	if err := json.Unmarshal(b, &ref); err != nil {
		return Ref{}, fmt.Errorf("decoding %s: %w", path, err)
	}
	if err := ref.Digest.Validate(); err != nil {
		return Ref{}, fmt.Errorf("decoding %s: digest %q: %w", path, ref.Digest, err)
	}
	return ref, nil
}

// Refs returns all names, sorted. Names whose file cannot be read are left out
// and their errors joined to the one returned, beside the others.
func (s *Store) Refs() ([]Ref, error) {
	entries, err := os.ReadDir(s.refsDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing references: %w", err)
	}
	var refs []Ref
	var failed error
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), metaSuffix) || isTemporary(e.Name()) {
			continue
		}
		ref, err := readRef(filepath.Join(s.refsDir(), e.Name()))
		switch {
		case errors.Is(err, fs.ErrNotExist): // removed meanwhile
		case err != nil:
			path := filepath.Join(s.refsDir(), e.Name())
			failed = errors.Join(failed, fault.Newf(err, fault.Say("remove it: rm -r %s", path).And("the name comes back when it is pulled or run again"), "a name in the store cannot be read"))
		default:
			refs = append(refs, ref)
		}
	}
	slices.SortFunc(refs, func(a, b Ref) int { return strings.Compare(a.Name, b.Name) })
	return refs, failed
}

// RefsOf returns the names that stand for the object of d, sorted.
func (s *Store) RefsOf(d digest.Digest) ([]Ref, error) {
	refs, err := s.Refs()
	return slices.DeleteFunc(refs, func(r Ref) bool { return r.Digest != d }), err
}

// RemoveRef forgets a name and leaves the object. A name that is not known is
// no error.
func (s *Store) RemoveRef(name string) error {
	err := os.Remove(s.refPath(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s.WriteFault(fmt.Errorf("removing the reference %s: %w", name, err))
	}
	return nil
}

func (s *Store) removeRefsTo(d digest.Digest) error {
	refs, err := s.RefsOf(d)
	for _, ref := range refs {
		err = errors.Join(err, s.RemoveRef(ref.Name))
	}
	return err
}
