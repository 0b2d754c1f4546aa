package store

import (
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

// Object is a converted image.
type Object struct {
	Digest digest.Digest // of the manifest; empty for a squashfs file that no store made
	Path   string        // absolute path of the squashfs file
	Site   bool          // it is the site's, not this user's own
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

// Get returns this user's own object made from the manifest with digest d. The
// error wraps ErrNotFound when there is none, and ErrUntrusted when others could
// have written it.
func (s *Store) Get(d digest.Digest) (Object, error) { return s.own.get(d) }

func (r *realm) get(d digest.Digest) (Object, error) {
	stem, err := fileStem(d)
	if err != nil {
		return Object{}, err
	}
	path := filepath.Join(r.objects(), stem+imageSuffix)
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || isStale(err) {
		return Object{}, fmt.Errorf("looking for %s: %w", d, ErrNotFound)
	}
	if err != nil {
		return Object{}, fmt.Errorf("looking for %s: %w", d, err)
	}
	if !info.Mode().IsRegular() {
		return Object{}, fmt.Errorf("looking for %s: %s is no regular file: %w", d, path, ErrUntrusted)
	}
	if err := r.checkTrust(path, info); err != nil {
		return Object{}, err
	}
	meta, err := r.readMeta(stem)
	for try := 0; errors.Is(err, fs.ErrNotExist) && try < 3; try++ { // it may be given back: Store.takeBeside
		time.Sleep(5 * time.Millisecond)
		meta, err = r.readMeta(stem)
	}
	if err == nil && meta.SizeBytes != info.Size() {
		err = fmt.Errorf("%s has %d bytes, %d were written", path, info.Size(), meta.SizeBytes)
	}
	if err == nil {
		return Object{Digest: d, Path: path, Meta: meta}, nil
	}
	if _, gone := os.Lstat(path); errors.Is(gone, fs.ErrNotExist) {
		return Object{}, fmt.Errorf("looking for %s: %w", d, ErrNotFound) // removed since we looked
	}
	return Object{}, damaged(d, err)
}

// ErrDamaged is wrapped by errors about an object that is not whole. It can be made
// again, by Create.
var ErrDamaged = errors.New("it is not whole")

func damaged(d digest.Digest, why error) error {
	return fault.Newf(fault.Because("%w: %w", ErrDamaged, why), fault.Say("remove it and fetch it again: jrun rm %s", d), "the stored image %s is damaged", d)
}

func (r *realm) readMeta(stem string) (Meta, error) {
	path := filepath.Join(r.objects(), stem+metaSuffix)
	b, err := readSmall(path)
	if err != nil {
		return Meta{}, fmt.Errorf("reading image metadata: %w", err)
	}
	meta, err := ParseMeta(b)
	if err != nil {
		return Meta{}, fmt.Errorf("reading %s: %w", path, err)
	}
	return meta, nil
}

// List returns this user's own objects, oldest first. An object that cannot be
// read is left out and its error joined to the one returned, beside the others.
func (s *Store) List() ([]Object, error) { return s.own.list() }

func (r *realm) list() ([]Object, error) {
	entries, err := os.ReadDir(r.objects())
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
		o, err := r.get(d)
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

// removeBeside removes what stands beside an object that is not there.
func (s *Store) removeBeside(stem string) error {
	var failed error
	beside := namesIn(s.objectsDir(), stem+".", profileSuffix)
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

// ProfileStem is the path, without the program's name and suffix, of the start-up
// profiles of an object. Those of the site's objects are the user's own.
func (s *Store) ProfileStem(o Object) string {
	stem := strings.TrimSuffix(o.Path, imageSuffix)
	if o.Site {
		return filepath.Join(s.own.notes(), filepath.Base(stem))
	}
	return stem
}
