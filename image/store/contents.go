package store

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/opencontainers/go-digest"
)

// Contents is what a store of this account has, for whoever asks again and again: each
// Refresh reads only the files that are new, or were replaced, since the last.
type Contents struct {
	Objects map[digest.Digest]time.Time // and when they were made; damaged ones are left out
	refs    map[string]known[Ref]       // by file name
	aliases map[string]known[Alias]
}

// known is what was read of a file, and which file it was.
type known[T any] struct {
	value T
	file  fileState
}

// fileState is another when a file was replaced: everything here is written once and
// renamed into place.
type fileState struct {
	inode uint64
	size  int64
	time  time.Time
}

// Size is how many things c holds.
func (c *Contents) Size() int { return len(c.Objects) + len(c.refs) + len(c.aliases) }

// Refs are all names, sorted. What cannot be read is left out.
func (c *Contents) Refs() []Ref {
	refs := make([]Ref, 0, len(c.refs))
	for _, k := range c.refs {
		refs = append(refs, k.value)
	}
	slices.SortFunc(refs, func(a, b Ref) int { return strings.Compare(a.Name, b.Name) })
	return refs
}

// Aliases are all aliases, in no order. What cannot be read is left out.
func (c *Contents) Aliases() []Alias {
	aliases := make([]Alias, 0, len(c.aliases))
	for _, k := range c.aliases {
		aliases = append(aliases, k.value)
	}
	return aliases
}

// Refresh brings c up to date with the store. After an error c is as it was.
func (s *Store) Refresh(c *Contents) error {
	objects, err := s.refreshObjects(c.Objects)
	if err != nil {
		return err
	}
	refs, err := refresh(s.refsDir(), c.refs, func(path string) (Ref, bool) {
		ref, err := readRef(path)
		return ref, err == nil && s.refPath(ref.Name) == path
	})
	if err != nil {
		return fmt.Errorf("listing references: %w", err)
	}
	aliases, err := refresh(s.aliasesDir(), c.aliases, func(path string) (Alias, bool) {
		a, err := aliasIn(path)
		return a, err == nil
	})
	if err != nil {
		return fmt.Errorf("listing aliases: %w", err)
	}
	*c = Contents{Objects: objects, refs: refs, aliases: aliases}
	return nil
}

// refreshObjects reads the metadata of those objects that were not there before.
func (s *Store) refreshObjects(before map[digest.Digest]time.Time) (map[digest.Digest]time.Time, error) {
	entries, err := os.ReadDir(s.objectsDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing the store: %w", err)
	}
	now := make(map[digest.Digest]time.Time, len(before))
	for _, e := range entries {
		stem, ok := strings.CutSuffix(e.Name(), imageSuffix)
		d, valid := digestOfStem(stem)
		if !ok || !valid {
			continue
		}
		if made, ok := before[d]; ok {
			now[d] = made
			continue
		}
		if o, err := s.Get(d); err == nil {
			now[d] = o.Meta.Created
		}
	}
	return now, nil
}

// refresh reads what has changed in a directory of small files.
func refresh[T any](dir string, before map[string]known[T], read func(path string) (T, bool)) (map[string]known[T], error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	now := maps.Clone(before)
	if now == nil {
		now = map[string]known[T]{}
	}
	there := make(map[string]bool, len(entries))
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || isTemporary(e.Name()) || !info.Mode().IsRegular() {
			continue
		}
		there[e.Name()] = true
		state := stateOf(info)
		if k, ok := now[e.Name()]; ok && k.file == state {
			continue
		}
		delete(now, e.Name())
		if value, ok := read(filepath.Join(dir, e.Name())); ok {
			now[e.Name()] = known[T]{value, state}
		}
	}
	maps.DeleteFunc(now, func(name string, _ known[T]) bool { return !there[name] })
	return now, nil
}

func stateOf(info fs.FileInfo) fileState {
	state := fileState{size: info.Size(), time: info.ModTime()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		state.inode = st.Ino
	}
	return state
}
