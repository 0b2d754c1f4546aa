package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/cyphar/filepath-securejoin/pathrs-lite"
	"golang.org/x/sys/unix"
)

// MakeDirectory makes a directory in one that is there. One that is there already is as
// good: the error is fs.ErrExist for something else, ErrShown, or ErrPath.
func (w *Workspace) MakeDirectory(inside string) error {
	inside, err := cleanPath(inside)
	if err != nil {
		return err
	}
	dir, name := path.Split(inside)
	if name == "" {
		return nil // the root
	}
	if strings.HasPrefix(name, uploading) {
		return ErrPath
	}
	root, err := w.mount()
	if err != nil {
		return err
	}
	w.wrote()
	return makeIn(root, dir, name)
}

func makeIn(root, dir, name string) error {
	found, err := findIn(root, dir)
	if err != nil {
		return err
	}
	defer found.Close()
	to, err := pathrs.Reopen(found, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC)
	if err != nil {
		return err
	}
	defer to.Close()
	place, err := placeOf(root, to)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(shown, func(dir string) bool { return place == dir || strings.HasPrefix(place, dir+"/") }) {
		return ErrShown
	}
	err = unix.Mkdirat(int(to.Fd()), name, 0o755)
	if errors.Is(err, unix.EEXIST) {
		return directoryAt(to, name)
	}
	if err != nil {
		return fmt.Errorf("making the directory %s in %s: %w", name, place, err)
	}
	return nil
}

// directoryAt is fs.ErrExist for what is none. A link is none: it may lead elsewhere.
func directoryAt(dir *os.File, name string) error {
	var s unix.Stat_t
	if err := unix.Fstatat(int(dir.Fd()), name, &s, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if s.Mode&unix.S_IFMT != unix.S_IFDIR {
		return fs.ErrExist
	}
	return nil
}
