package reader

import (
	"io/fs"
	"strings"

	"github.com/jrun-hpc/jrun/squash"
)

// maxSymlinks is how many symlinks one path may cross, as in the kernel.
const maxSymlinks = 40

// Resolve finds the inode of a path inside the image. The path starts at the
// root whether or not it begins with a slash; "..", and symlinks, absolute ones
// too, never leave the root. A symlink in the last place is followed only if
// follow is true. Errors are *fs.PathError; those about the tree wrap
// fs.ErrNotExist, unix.ENOTDIR or unix.ELOOP.
func (r *Reader) Resolve(path string, follow bool) (Inode, error) {
	ino, err := r.resolve(path, follow)
	if err != nil {
		return Inode{}, &fs.PathError{Op: "resolve", Path: path, Err: err}
	}
	return ino, nil
}

func (r *Reader) resolve(path string, follow bool) (Inode, error) {
	root, err := r.Root()
	if err != nil {
		return Inode{}, err
	}
	trail := []Inode{root} // the directories from the root to here
	todo := path
	links := 0
	for {
		todo = strings.TrimLeft(todo, "/")
		if todo == "" {
			return trail[len(trail)-1], nil
		}
		name, rest, slash := strings.Cut(todo, "/")
		todo = rest
		here := &trail[len(trail)-1]
		if here.Type != squash.TypeDir {
			return Inode{}, errNotDir
		}
		switch name {
		case ".":
			continue
		case "..":
			if len(trail) > 1 {
				trail = trail[:len(trail)-1]
			}
			continue
		}
		child, err := r.Lookup(here, name)
		if err != nil {
			return Inode{}, err
		}
		last := strings.Trim(rest, "/") == ""
		switch {
		case child.Type == squash.TypeSymlink && (!last || follow || slash):
			if links++; links > maxSymlinks {
				return Inode{}, errLoop
			}
			target, err := r.Readlink(&child)
			if err != nil {
				return Inode{}, err
			}
			if target == "" {
				return Inode{}, errNotExist
			}
			if strings.HasPrefix(target, "/") {
				trail = trail[:1]
			}
			if slash {
				target += "/" + rest
			}
			if todo = target; len(todo) > maxPath {
				return Inode{}, errNameTooLong
			}
		case child.Type != squash.TypeDir && slash:
			return Inode{}, errNotDir
		default:
			trail = append(trail, child)
		}
	}
}

// maxPath bounds a path with its symlinks expanded, in bytes, so that a chain
// of symlinks cannot make it grow for ever.
const maxPath = 64 << 10
