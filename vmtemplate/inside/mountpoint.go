package inside

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"
)

// makeMountPoints makes what the image lacks of the places where something is mounted,
// and returns a function that removes them again. Links inside lead nowhere else.
func makeMountPoints(c Command) (remove func(), err error) {
	var made []string
	remove = func() { removeMountPoints(c.Root, made) }
	points := map[string]bool{"/proc": true, "/sys": true, "/dev": true, "/tmp": true} // whether it is a directory
	for _, b := range c.Binds {
		if strings.HasPrefix(b.Target, "/dev/") {
			continue // that is made anew in every run
		}
		if b.File != "" {
			points[b.Target] = false
			continue
		}
		info, err := os.Stat(b.Source)
		if err != nil {
			return remove, fmt.Errorf("showing %s inside: %w", b.Source, err)
		}
		points[b.Target] = info.IsDir()
	}
	for point, dir := range points {
		path, err := securejoin.SecureJoin(c.Root, point)
		if err != nil {
			return remove, fmt.Errorf("finding %s inside: %w", point, err)
		}
		if err := makeMountPoint(c.Root, path, dir, &made); err != nil {
			return remove, fmt.Errorf("making %s inside: %w", point, err)
		}
	}
	return remove, nil
}

// removeMountPoints removes what was made, unless something is in it. What ran inside may
// have put a link to the machine's files in a directory's place: an os.Root does not
// follow it.
func removeMountPoints(root string, made []string) {
	in, err := os.OpenRoot(root)
	if err != nil {
		return
	}
	defer func() { _ = in.Close() }()
	for _, path := range slices.Backward(made) {
		name, err := filepath.Rel(root, path)
		if err != nil {
			continue
		}
		if info, err := in.Lstat(name); err == nil && (info.IsDir() || info.Size() == 0) {
			_ = in.Remove(name) // a directory in which something is stays
		}
	}
}

// makeMountPoint makes path and its parents below root, and notes what it made.
func makeMountPoint(root, path string, dir bool, made *[]string) error {
	if _, err := os.Lstat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if parent := filepath.Dir(path); parent != root {
		if err := makeMountPoint(root, parent, true, made); err != nil {
			return err
		}
	}
	var err error
	if dir {
		err = os.Mkdir(path, 0o755)
	} else {
		err = os.WriteFile(path, nil, 0o644)
	}
	if err == nil {
		*made = append(*made, path)
	}
	return err
}
