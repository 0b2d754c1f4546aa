package recipe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// Names in the directory of a recipe. The directory is a context for a build.
const (
	dockerfileName = "Dockerfile"
	lockName       = "jbuild.lock"
	filesName      = "files"
)

// WriteDir writes the recipe into a directory, in place of one that is there. All of it
// is written beside, and then renamed: whoever reads finds the old one or the new one.
func (r Recipe) WriteDir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return failWrite(dir, err)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), ".recipe-")
	if err != nil {
		return failWrite(dir, err)
	}
	defer os.RemoveAll(fresh) //nolint:errcheck // it has been renamed, or is rubbish
	if err := r.fill(fresh); err != nil {
		return failWrite(dir, err)
	}
	// A directory cannot replace one that is not empty: the old one goes aside first.
	old := fresh + ".old"
	if err := os.Rename(dir, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failWrite(dir, err)
	}
	if err := os.Rename(fresh, dir); err != nil {
		_ = os.Rename(old, dir)
		return failWrite(dir, err)
	}
	_ = os.RemoveAll(old)
	return nil
}

func failWrite(dir string, err error) error {
	return message.Fail(message.Of("recipe.write", dir), err)
}

func (r Recipe) fill(dir string) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	lock, err := json.MarshalIndent(r.Lock, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, dockerfileName), []byte(r.Dockerfile), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, lockName), append(lock, '\n'), 0o644); err != nil {
		return err
	}
	if len(r.Files) == 0 {
		return nil
	}
	if err := os.Mkdir(filepath.Join(dir, filesName), 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(filepath.Join(dir, filesName))
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for _, f := range r.Lock.Files {
		data, have := r.Files[f.Path]
		if !have {
			continue
		}
		if err := writeIn(root, f, data); err != nil {
			return err
		}
	}
	return nil
}

// writeIn writes a file below root; its path comes from a lock that anybody may have
// written.
func writeIn(root *os.Root, f File, data []byte) error {
	name := strings.TrimPrefix(path.Clean("/"+f.Path), "/")
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return fmt.Errorf("making the directory of %s: %w", f.Path, err)
	}
	if err := root.WriteFile(name, data, 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", f.Path, err)
	}
	return root.Chmod(name, f.Mode.Perm())
}

// ReadDir reads what WriteDir has written.
func ReadDir(dir string) (Recipe, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Recipe{}, failRead(dir, err)
	}
	defer func() { _ = root.Close() }()
	dockerfile, err := root.ReadFile(dockerfileName)
	if err != nil {
		return Recipe{}, failRead(dir, err)
	}
	data, err := root.ReadFile(lockName)
	if err != nil {
		return Recipe{}, failRead(dir, err)
	}
	r := Recipe{Dockerfile: string(dockerfile), Files: map[string][]byte{}}
	if r.Lock, err = readLock(data); err != nil {
		return Recipe{}, err
	}
	for _, f := range r.Lock.Files {
		data, err := root.ReadFile(path.Join(filesName, path.Clean("/"+f.Path)))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Recipe{}, failRead(dir, err)
		}
		r.Files[f.Path] = data
	}
	return r, r.check()
}

func failRead(dir string, err error) error {
	return message.Fail(message.Of("recipe.read", dir), err, message.Of("recipe.read.next"))
}
