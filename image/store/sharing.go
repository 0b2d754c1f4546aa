package store

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// Sharing is an object whose lowest layers are those of another image.
type Sharing struct {
	Object Object
	Layers int // how many have the same diffID, from the lowest
}

// Sharing lists the objects that share their lowest layers with an image of
// these layers in place: those that share most first, of equals the newest. It
// reads the metadata of all objects, which is little beside the conversion it may
// save, and needs nothing on disk that could be wrong.
func (s *Store) Sharing(place Place, layers []Layer) []Sharing {
	objects, _ := s.List() // what cannot be read cannot be shared
	objects = append(s.site.list(place), objects...)
	var found []Sharing
	for _, o := range objects {
		n := 0
		for n < min(len(layers), len(o.Meta.Layers)) && layers[n].DiffID == o.Meta.Layers[n].DiffID {
			n++
		}
		if n > 0 {
			found = append(found, Sharing{o, n})
		}
	}
	slices.SortStableFunc(found, func(a, b Sharing) int {
		return cmp.Or(b.Layers-a.Layers, b.Object.Meta.Created.Compare(a.Object.Meta.Created))
	})
	return found
}

// Holds reports whether an object is one of this store, and not a file elsewhere.
func (s *Store) Holds(o Object) bool { return o.Site || filepath.Dir(o.Path) == s.objectsDir() }

// OpenIndex opens the block index of an object. Objects of older versions have
// none: the error then wraps fs.ErrNotExist.
func (s *Store) OpenIndex(o Object) (*os.File, error) {
	stem, err := fileStem(o.Digest)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(filepath.Dir(o.Path), stem+indexSuffix)
	owner := s.own
	if o.Site {
		owner.owner = s.site.owner
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the block index: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file: %w", path, ErrUntrusted)
	}
	if err == nil {
		err = owner.checkTrust(path, info)
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("opening the block index: %w", err)
	}
	return f, nil
}
