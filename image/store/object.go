package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/opencontainers/go-digest"
)

// Object is a converted image.
type Object struct {
	Digest digest.Digest // of the manifest; empty for a squashfs file that no store made
	Path   string        // absolute path of the squashfs file
	Meta   Meta
}

const (
	imageSuffix = ".sqfs"
	metaSuffix  = ".json"
	indexSuffix = ".index"

	// profileSuffix ends the start-up profiles that running programs leave
	// beside an image: <stem>.<program>.profile.
	profileSuffix = ".profile"
)

// isBeside reports whether a file in the objects directory belongs to an object.
func isBeside(name string) bool {
	for _, suffix := range []string{metaSuffix, indexSuffix, profileSuffix} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

// fileStem is the digest as a file name: sha256-<hex>.
func fileStem(d digest.Digest) (string, error) {
	if err := d.Validate(); err != nil {
		return "", fmt.Errorf("naming an object by %q: %w", d, err)
	}
	return d.Algorithm().String() + "-" + d.Encoded(), nil
}

// digestOfStem is the inverse of fileStem.
func digestOfStem(stem string) (digest.Digest, bool) {
	algorithm, hex, ok := strings.Cut(stem, "-")
	d := digest.Digest(algorithm + ":" + hex)
	return d, ok && d.Validate() == nil
}

// Get returns the object made from the manifest with digest d. The error wraps
// ErrNotFound when there is none, and ErrUntrusted when others could have
// written it.
func (s *Store) Get(d digest.Digest) (Object, error) {
	stem, err := fileStem(d)
	if err != nil {
		return Object{}, err
	}
	path := filepath.Join(s.objectsDir(), stem+imageSuffix)
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Object{}, fmt.Errorf("looking for %s: %w", d, ErrNotFound)
	}
	if err != nil {
		return Object{}, fmt.Errorf("looking for %s: %w", d, err)
	}
	if !info.Mode().IsRegular() {
		return Object{}, fmt.Errorf("looking for %s: %s is no regular file: %w", d, path, ErrUntrusted)
	}
	if err := s.checkTrust(path, info); err != nil {
		return Object{}, err
	}
	meta, err := s.readMeta(stem)
	if err != nil {
		return Object{}, damaged(d, err)
	}
	if meta.SizeBytes != info.Size() {
		return Object{}, damaged(d, fmt.Errorf("%s has %d bytes, %d were written", path, info.Size(), meta.SizeBytes))
	}
	return Object{Digest: d, Path: path, Meta: meta}, nil
}

func damaged(d digest.Digest, why error) error {
	return fault.Newf(why, "remove it and fetch it again: jrun rm "+d.String(), "the stored image %s is damaged", d)
}

func (s *Store) readMeta(stem string) (Meta, error) {
	path := filepath.Join(s.objectsDir(), stem+metaSuffix)
	b, err := os.ReadFile(path)
	if err != nil {
		return Meta{}, fmt.Errorf("reading image metadata: %w", err)
	}
	meta, err := ParseMeta(b)
	if err != nil {
		return Meta{}, fmt.Errorf("reading %s: %w", path, err)
	}
	return meta, nil
}

// List returns all objects, oldest first. An object that cannot be read is left
// out and its error joined to the one returned, beside the others.
func (s *Store) List() ([]Object, error) {
	entries, err := os.ReadDir(s.objectsDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the store: %w", err)
	}
	var objects []Object
	var failed error
	for _, e := range entries {
		stem, ok := strings.CutSuffix(e.Name(), imageSuffix)
		if !ok {
			continue
		}
		d, ok := digestOfStem(stem)
		if !ok {
			continue
		}
		o, err := s.Get(d)
		switch {
		case errors.Is(err, ErrNotFound): // removed meanwhile
		case err != nil:
			failed = errors.Join(failed, err)
		default:
			objects = append(objects, o)
		}
	}
	slices.SortStableFunc(objects, func(a, b Object) int { return a.Meta.Created.Compare(b.Meta.Created) })
	return objects, failed
}

// Remove deletes the object of d and the names and aliases that lead to it.
// Processes that have the file open keep reading it. The error wraps
// ErrNotFound when there is no such object. A damaged object is removed too.
func (s *Store) Remove(d digest.Digest) error {
	stem, err := fileStem(d)
	if err != nil {
		return err
	}
	err = os.Remove(filepath.Join(s.objectsDir(), stem+imageSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing %s: %w", d, ErrNotFound)
	}
	if err != nil {
		return s.WriteFault(fmt.Errorf("removing %s: %w", d, err))
	}
	// The object is invisible now: what follows only tidies up, and a
	// concurrent pull of the same digest may be ahead of it.
	err = s.removeBeside(stem)
	err = errors.Join(err, s.removeRefsTo(d), s.removeAliasesTo(d), syncDir(s.objectsDir()))
	if err != nil {
		return fmt.Errorf("removing what names %s: %w", d, err)
	}
	return nil
}

// removeBeside removes what stands beside an object that is not there.
func (s *Store) removeBeside(stem string) error {
	beside, failed := filepath.Glob(filepath.Join(s.objectsDir(), stem+".*"+profileSuffix))
	for _, suffix := range []string{indexSuffix, metaSuffix} {
		beside = append(beside, filepath.Join(s.objectsDir(), stem+suffix))
	}
	for _, path := range beside {
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}
