package workshop

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/change"
	"github.com/jrun-hpc/jrun/vmtemplate/inventory"
	"github.com/jrun-hpc/jrun/vmtemplate/recipe"
	"github.com/jrun-hpc/jrun/vmtemplate/secret"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
	"golang.org/x/sys/unix"
)

// Changes are what has been done in a workspace.
type Changes struct {
	Files    []change.Change
	Packages inventory.Difference
	Secrets  []secret.Finding // in files that would go into the image
}

// Changes compares a workspace with its base.
func (s *Workshop) Changes(ctx context.Context, w *workspace.Workspace) (Changes, error) {
	all := Changes{}
	var err error
	if all.Files, err = w.Changes(); err != nil {
		return all, err
	}
	was, err := s.baseInventory(w)
	if err != nil {
		return all, err
	}
	is, err := s.inventory(w)
	if err != nil {
		return all, err
	}
	all.Packages = inventory.Compare(was, is)
	all.Secrets, err = s.secrets(ctx, w, all.Files)
	return all, err
}

// Secrets are the findings of Changes alone, which need no look at packages.
func (s *Workshop) Secrets(ctx context.Context, w *workspace.Workspace) ([]secret.Finding, error) {
	files, err := w.Changes()
	if err != nil {
		return nil, err
	}
	return s.secrets(ctx, w, files)
}

func (s *Workshop) inventory(w *workspace.Workspace) (inventory.Inventory, error) {
	root, err := w.Root()
	if err != nil {
		return nil, err
	}
	return inventory.Read(root)
}

// baseInventory is that of the workspace's base. It is kept: a base does not change.
func (s *Workshop) baseInventory(w *workspace.Workspace) (inventory.Inventory, error) {
	file := filepath.Join(s.Store.Dir(), "inventories", w.BaseID()+".json")
	var kept inventory.Inventory
	if raw, err := os.ReadFile(file); err == nil && json.Unmarshal(raw, &kept) == nil {
		return kept, nil
	}
	base, err := w.OpenBase()
	if err != nil {
		return nil, err
	}
	defer base.Close()
	all, err := s.inventory(base)
	if err != nil {
		return nil, err
	}
	if raw, err := json.Marshal(all); err == nil {
		_ = os.MkdirAll(filepath.Dir(file), 0o700)
		_ = os.WriteFile(file, raw, 0o600) // half of it does not decode
	}
	return all, nil
}

// secrets looks into the files that would go into the image.
func (s *Workshop) secrets(ctx context.Context, w *workspace.Workspace, changes []change.Change) ([]secret.Finding, error) {
	in, err := s.openRoot(w)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()
	out := map[string]bool{}
	for _, path := range w.State.LeaveOut {
		out[path] = true
	}
	stays := make([]change.Change, 0, len(changes))
	for _, c := range changes {
		if !out[c.Path] {
			stays = append(stays, c)
		}
	}
	return secret.Scan(ctx, stays, opener(in))
}

func (s *Workshop) openRoot(w *workspace.Workspace) (*os.Root, error) {
	root, err := w.Root()
	if err != nil {
		return nil, err
	}
	in, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("reading workspace %s: %w", w.Name, err)
	}
	return in, nil
}

// opener opens files by their absolute paths inside. What is no file is an error: to open
// a pipe would wait for somebody to write into it.
func opener(in *os.Root) func(string) (fs.File, error) {
	return func(path string) (fs.File, error) {
		f, err := in.OpenFile(strings.TrimPrefix(path, "/"), os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			return nil, err
		}
		info, err := f.Stat()
		if err == nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("%s is not a file", path)
		}
		if err != nil {
			f.Close()
			return nil, err
		}
		return f, nil
	}
}

// Recipe is what makes the workspace's image again.
func (s *Workshop) Recipe(_ context.Context, w *workspace.Workspace) (recipe.Recipe, error) {
	record, err := s.record(w)
	if err != nil {
		return recipe.Recipe{}, err
	}
	changes, err := w.Changes()
	if err != nil {
		return recipe.Recipe{}, err
	}
	packages, err := s.inventory(w)
	if err != nil {
		return recipe.Recipe{}, err
	}
	config, err := w.BaseConfig()
	if err != nil {
		return recipe.Recipe{}, err
	}
	in, err := s.openRoot(w)
	if err != nil {
		return recipe.Recipe{}, err
	}
	defer func() { _ = in.Close() }()
	return recipe.Build(recipe.Session{
		Name: w.Name,
		Base: recipe.Base{
			Pin: recipe.Pin{Reference: w.State.Base, Digest: w.State.Digest.String()},
			Env: config.Env, Dir: config.WorkingDir,
		},
		Record: record, Changes: changes, Open: opener(in), Inventory: packages,
		Created: w.State.Created, JBuild: s.Version, Printer: s.Printer,
	}), nil
}
