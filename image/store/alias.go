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
	platform := p.OS + "-" + p.Architecture
	if p.Variant != "" {
		platform += "-" + p.Variant
	}
	return filepath.Join(s.aliasesDir(), stem+"."+platform), nil
}

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
