package workspace

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// CopyIn copies a file or directory of the machine into the workspace, where it belongs
// to root, and returns where it is, which no link leads to any more. As with cp(1), a target that is a directory, or ends
// in a slash, gets the source into it; what is missing above the target is made.
func (w *Workspace) CopyIn(source, target string) (inside string, err error) {
	if !path.IsAbs(target) {
		return "", message.Fail(message.Of("workspace.copy-relative", target), nil, message.Of("workspace.copy-relative.next", w.Name, "/"+target))
	}
	w.wrote()
	root, err := w.mount()
	if err != nil {
		return "", err
	}
	if strings.HasSuffix(target, "/") || isDirectory(root, target) {
		target = path.Join(target, filepath.Base(filepath.Clean(source)))
	}
	place, err := copyInto(root, source, target)
	if err == nil {
		place, err = filepath.Rel(root, place)
	}
	if err != nil {
		return "", message.Fail(message.Of("workspace.copy", source), err)
	}
	return "/" + place, nil
}

// copyInto copies what source is, or links to, to a place below root, and returns that.
// Links below root lead nowhere else.
func copyInto(root, source, target string) (string, error) {
	source, err := filepath.EvalSymlinks(source)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(source)
	if err != nil {
		return "", err
	}
	// A link to a file in the last place is replaced; those on the way are followed.
	place := func(name string) (string, error) {
		name = path.Join("/", target, filepath.ToSlash(name))
		if isDirectory(root, name) {
			return securejoin.SecureJoin(root, name)
		}
		dir, err := securejoin.SecureJoin(root, path.Dir(name))
		return filepath.Join(dir, path.Base(name)), err
	}
	to, err := place(".")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return "", err
	}
	if !info.IsDir() {
		return to, copyFile(source, to, info.Mode())
	}
	return to, copyTree(source, place)
}

// CopyOut copies a file or directory out of the workspace. Set-id bits are not copied.
func (w *Workspace) CopyOut(source, target string) error {
	root, err := w.mount()
	if err != nil {
		return err
	}
	place, err := securejoin.SecureJoin(root, source)
	if err != nil {
		return message.Fail(message.Of("workspace.copy", source), err)
	}
	info, err := os.Stat(place)
	if err != nil {
		return message.Fail(message.Of("workspace.copy-missing", source, w.Name), nil)
	}
	if t, err := os.Stat(target); err == nil && t.IsDir() {
		target = filepath.Join(target, path.Base(path.Clean("/"+source)))
	}
	if info.IsDir() {
		err = copyTree(place, func(name string) (string, error) { return filepath.Join(target, name), nil })
	} else {
		err = copyFile(place, target, info.Mode().Perm())
	}
	if err != nil {
		return message.Fail(message.Of("workspace.copy", source), err)
	}
	return nil
}

func isDirectory(root, target string) bool {
	place, err := securejoin.SecureJoin(root, target)
	if err != nil {
		return false
	}
	info, err := os.Stat(place)
	return err == nil && info.IsDir()
}

// copyTree copies files, directories and links to the places that they get by their
// names below source; what a link points to is not looked at. A link in the place of a
// directory is an error, and so are sockets, pipes and devices, because nobody expects
// them to be left out.
func copyTree(source string, place func(name string) (string, error)) error {
	return filepath.WalkDir(source, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(source, name)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		to, err := place(relative)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			return makeDirectory(to, info.Mode().Perm()|0o700)
		case d.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(name)
			if err != nil {
				return err
			}
			_ = os.Remove(to)
			return os.Symlink(link, to)
		case d.Type().IsRegular():
			return copyFile(name, to, info.Mode().Perm())
		}
		return fmt.Errorf("%s is neither a file nor a directory nor a link", name)
	})
}

// makeDirectory makes a directory if it is not there.
func makeDirectory(name string, mode fs.FileMode) error {
	err := os.Mkdir(name, mode)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(name)
	if err == nil && !info.IsDir() {
		return fmt.Errorf("%s is there and is not a directory", name)
	}
	return err
}

// copyFile replaces target. A link in its place is replaced, not followed.
func copyFile(source, target string, mode fs.FileMode) error {
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", source)
	}
	if err := os.Remove(target); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	out, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode.Perm()|0o200)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(mode.Perm()), out.Close(), os.Chtimes(target, info.ModTime(), info.ModTime()))
}
