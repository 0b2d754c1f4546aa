package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"
)

// An alias says which manifest of an index is for a platform. It never changes,
// as an index is named by its digest; it saves fetching the index again.
func (s *Store) aliasPath(index digest.Digest, p Platform) (string, error) {
	stem, err := fileStem(index)
	if err != nil {
		return "", err
	}
	for _, word := range []string{p.OS, p.Architecture, p.Variant} {
		if strings.ContainsFunc(word, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' && r != '.' }) {
			return "", fmt.Errorf("naming an alias by the platform %q: only lower-case letters, digits, _ and . can stand there", p)
		}
	}
	return filepath.Join(s.aliasesDir(), stem+"."+p.fileName()), nil
}

// fileName is Alias.Platform.
func (p Platform) fileName() string {
	name := p.OS + "-" + p.Architecture
	if p.Variant != "" {
		name += "-" + p.Variant
	}
	return name
}

// Is reports whether a is for the platform p.
func (a Alias) Is(p Platform) bool { return a.Platform == p.fileName() }

// SetAlias records that the manifest instance is the one of index for p.
func (s *Store) SetAlias(index digest.Digest, p Platform, instance digest.Digest) error {
	path, err := s.aliasPath(index, p)
	if err != nil {
		return err
	}
	if err := s.makeRealm(); err != nil {
		return err
	}
	if err := s.publishSmall(path, []byte(instance.String()+"\n")); err != nil {
		return s.WriteFault(fmt.Errorf("recording the alias of %s: %w", index, err))
	}
	return nil
}

// Alias returns the manifest of index for p. The error wraps ErrNotFound when
// none was recorded.
func (s *Store) Alias(index digest.Digest, p Platform) (digest.Digest, error) {
	path, err := s.aliasPath(index, p)
	if err != nil {
		return "", err
	}
	return readAlias(path, index)
}

func readAlias(path string, index digest.Digest) (digest.Digest, error) {
	b, err := readSmall(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("looking for the alias of %s: %w", index, ErrNotFound)
	}
	if err != nil {
		return "", fmt.Errorf("looking for the alias of %s: %w", index, err)
	}
	instance := digest.Digest(strings.TrimSpace(string(b)))
	if err := instance.Validate(); err != nil {
		return "", fmt.Errorf("reading %s: %w", path, err)
	}
	return instance, nil
}

// FindAlias is Alias for an image that is in place: this user's own, or the site's,
// under the conditions of Find.
func (s *Store) FindAlias(place Place, index digest.Digest, p Platform) (digest.Digest, error) {
	instance, err := s.Alias(index, p)
	if err == nil || s.site == nil {
		return instance, err
	}
	if instance, ok := s.site.alias(s, place, index, p); ok {
		return instance, nil
	}
	return "", err
}

func (t *site) alias(s *Store, place Place, index digest.Digest, p Platform) (digest.Digest, bool) {
	r, ok := t.projectRealm(place)
	own, err := s.aliasPath(index, p)
	if !ok || err != nil || t.checkTrust(&r) != nil || r.checkDir(r.aliases()) != nil {
		return "", false
	}
	path := filepath.Join(r.aliases(), filepath.Base(own))
	info, err := os.Lstat(path)
	if err != nil || r.checkTrust(path, info) != nil {
		return "", false
	}
	instance, err := readAlias(path, index)
	return instance, err == nil
}

// Alias is one of a store: Instance is the manifest of Index for Platform.
type Alias struct {
	Index    digest.Digest
	Platform string // os-architecture or os-architecture-variant, as in the file's name
	Instance digest.Digest
}

// Aliases are all of this store's own. What cannot be read is left out: it is recorded
// again when it is needed.
func (s *Store) Aliases() ([]Alias, error) {
	entries, err := os.ReadDir(s.aliasesDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing aliases: %w", err)
	}
	var all []Alias
	for _, e := range entries {
		if a, err := aliasIn(filepath.Join(s.aliasesDir(), e.Name())); err == nil {
			all = append(all, a)
		}
	}
	return all, nil
}

// aliasIn reads a file of an alias.
func aliasIn(path string) (Alias, error) {
	stem, platform, _ := strings.Cut(filepath.Base(path), ".")
	index, ok := digestOfStem(stem)
	if !ok || platform == "" {
		return Alias{}, fmt.Errorf("%s is no alias", path)
	}
	instance, err := readAlias(path, index)
	return Alias{Index: index, Platform: platform, Instance: instance}, err
}

func (s *Store) removeAliasesTo(d digest.Digest) error {
	entries, err := os.ReadDir(s.aliasesDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if isTemporary(e.Name()) {
			continue
		}
		path := filepath.Join(s.aliasesDir(), e.Name())
		b, readErr := os.ReadFile(path)
		if readErr != nil || strings.TrimSpace(string(b)) != d.String() {
			continue // of another object, or gone
		}
		if removeErr := os.Remove(path); !errors.Is(removeErr, fs.ErrNotExist) {
			err = errors.Join(err, removeErr)
		}
	}
	return err
}
