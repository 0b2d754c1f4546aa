package check

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
)

// Duplicates are files of the same contents.
type Duplicates struct {
	Bytes  int64   // that would be spared if each content were there once
	Files  int     // that are copies of another
	Groups []Group // those that would spare most, mostGroups at most
	Partly bool    // there was more to compare than is read for this
}

// Group is one content and where it is.
type Group struct {
	Bytes int64    // of one of them
	Paths []string // absolute, mostPaths at most
	More  int
}

const (
	mostGroups     = 5
	leastDuplicate = 64 << 10 // bytes of a file that is worth looking at
	mostRead       = 1 << 30  // bytes that are read to compare
	headBytes      = 8 << 10
)

// duplicates finds files of the same contents: of the same size first, then by their
// beginnings, then by all of them.
func duplicates(ctx context.Context, files fs.FS, all []weighed) (Duplicates, error) {
	bySize := map[int64][]string{}
	for _, f := range all {
		if f.bytes >= leastDuplicate {
			bySize[f.bytes] = append(bySize[f.bytes], f.path)
		}
	}
	var found Duplicates
	var groups []Group
	read := int64(0)
	sizes := slices.SortedFunc(maps.Keys(bySize), func(a, b int64) int { return cmp.Compare(b, a) })
	for _, size := range sizes {
		if len(bySize[size]) < 2 {
			continue
		}
		for _, candidates := range sameHash(files, bySize[size], headBytes) {
			if err := ctx.Err(); err != nil {
				return Duplicates{}, err
			}
			cost := size * int64(len(candidates))
			if read+cost > mostRead {
				found.Partly = true
				continue // smaller ones may fit
			}
			read += cost
			for _, same := range sameHash(files, candidates, size) {
				found.Bytes += size * int64(len(same)-1)
				found.Files += len(same) - 1
				g := Group{Bytes: size}
				var p paths
				for _, name := range same {
					p.add(name)
				}
				g.Paths, g.More = p.shown, p.more
				groups = append(groups, g)
			}
		}
	}
	slices.SortStableFunc(groups, func(a, b Group) int { return cmp.Compare(b.spares(), a.spares()) })
	found.Groups = groups[:min(len(groups), mostGroups)]
	return found, nil
}

func (g Group) spares() int64 { return g.Bytes * int64(len(g.Paths)+g.More-1) }

// sameHash groups files by what they begin with; groups of one are left out. What cannot
// be read is in none.
func sameHash(files fs.FS, names []string, bytes int64) [][]string {
	groups := map[[sha256.Size]byte][]string{}
	var order [][sha256.Size]byte
	for _, name := range names {
		sum, err := hashHead(files, name, bytes)
		if err != nil {
			continue
		}
		if groups[sum] == nil {
			order = append(order, sum)
		}
		groups[sum] = append(groups[sum], name)
	}
	var all [][]string
	for _, sum := range order {
		if len(groups[sum]) > 1 {
			all = append(all, groups[sum])
		}
	}
	return all
}

func hashHead(files fs.FS, name string, bytes int64) (sum [sha256.Size]byte, err error) {
	f, err := files.Open(name)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, io.LimitReader(f, bytes)); err != nil && !errors.Is(err, io.EOF) {
		return sum, err
	}
	return [sha256.Size]byte(hash.Sum(nil)), nil
}
