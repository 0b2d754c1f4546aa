package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/jrun-hpc/jrun/vmtemplate/recipe"
)

// recipeFiles reads how jbuild has made an image out of the image's labels: the files
// that jbuild itself would write.
func recipeFiles(labels map[string]string) (files map[string][]byte, ok bool, err error) {
	r, ok, err := recipe.FromLabels(labels)
	if err != nil || !ok {
		return nil, ok, err
	}
	temporary, err := os.MkdirTemp("", "jadm-recipe-")
	if err != nil {
		return nil, true, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temporary)) }()
	dir := filepath.Join(temporary, "recipe")
	if err := r.WriteDir(dir); err != nil {
		return nil, true, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, true, err
	}
	defer root.Close() //nolint:errcheck // it was only read
	files = map[string][]byte{}
	err = fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		files[name], err = root.ReadFile(name)
		return err
	})
	return files, true, err
}
