package reader

import (
	"fmt"

	"github.com/jrun-hpc/jrun/squash"
)

// Walk calls visit for every name in the image, parents before children and
// names in order. Paths are relative to the root, which is ".". A directory
// that has two names, or contains itself, is an error that wraps
// squash.ErrCorrupt. An error of visit ends the walk and is returned.
func (r *Reader) Walk(visit func(path string, ino *Inode) error) error {
	root, err := r.Root()
	if err != nil {
		return err
	}
	type dir struct {
		path string
		ino  Inode
	}
	if err := visit(".", &root); err != nil {
		return err
	}
	seen := map[squash.InodeRef]bool{root.Ref: true}
	todo := []dir{{"", root}}
	for len(todo) > 0 {
		d := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		entries, err := r.ReadDir(&d.ino)
		if err != nil {
			return fmt.Errorf("walking %q: %w", d.path, err)
		}
		for _, e := range entries {
			ino, err := r.EntryInode(e)
			if err != nil {
				return fmt.Errorf("walking %q: %w", d.path+e.Name, err)
			}
			if err := visit(d.path+e.Name, &ino); err != nil {
				return err
			}
			if ino.Type != squash.TypeDir {
				continue
			}
			if seen[ino.Ref] {
				return fmt.Errorf("walking %q: %w", d.path+e.Name, corrupt("directory is reached twice"))
			}
			seen[ino.Ref] = true
			todo = append(todo, dir{d.path + e.Name + "/", ino})
		}
	}
	return nil
}
