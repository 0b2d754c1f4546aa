package workshop

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/jrun-hpc/jrun/vmtemplate/recipe"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
)

// Image is the workspace as it goes up, with its recipe in the labels and beside the
// workspace.
func (s *Workshop) Image(ctx context.Context, w *workspace.Workspace, o workspace.ImageOptions) (*workspace.Image, error) {
	if err := s.describe(ctx, w, &o); err != nil {
		return nil, err
	}
	return w.Image(ctx, o)
}

// describe fills in what every image of a workspace has: its recipe in the labels, who
// made it, and what is to stay out.
func (s *Workshop) describe(ctx context.Context, w *workspace.Workspace, o *workspace.ImageOptions) error {
	r, err := s.KeepRecipe(ctx, w)
	if err != nil {
		return err
	}
	if o.Labels, err = r.Labels(); err != nil {
		return err
	}
	o.By = "jbuild " + s.Version
	out := w.State.LeaveOut
	o.Leave = func(path string) bool { return slices.Contains(out, path) }
	return nil
}

// recipeDir is where a workspace's recipe is, below its directory.
const recipeDir = "recipe"

// KeepRecipe writes the workspace's recipe beside it.
func (s *Workshop) KeepRecipe(ctx context.Context, w *workspace.Workspace) (recipe.Recipe, error) {
	r, err := s.Recipe(ctx, w)
	if err != nil {
		return r, err
	}
	dir, err := s.RecipeDir(w)
	if err != nil {
		return r, err
	}
	return r, r.WriteDir(dir)
}

// RecipeDir is where KeepRecipe writes.
func (s *Workshop) RecipeDir(w *workspace.Workspace) (string, error) {
	dir, err := w.Dir()
	return filepath.Join(dir, recipeDir), err
}

// Keep saves the workspace as an image of this machine.
func (s *Workshop) Keep(ctx context.Context, w *workspace.Workspace, name string, o workspace.ImageOptions) (id string, err error) {
	if err := s.describe(ctx, w, &o); err != nil {
		return "", err
	}
	return w.Keep(ctx, name, o)
}
