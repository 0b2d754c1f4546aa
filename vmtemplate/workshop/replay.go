package workshop

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jrun-hpc/jrun/vmtemplate/dockerfile"
	"github.com/jrun-hpc/jrun/vmtemplate/inventory"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/recipe"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// FindRecipe returns the recipe of a workspace, of an image of this machine, or in a
// directory.
func (s *Workshop) FindRecipe(ctx context.Context, name string) (recipe.Recipe, error) {
	if workspace.CheckName(name) == nil && s.Store.Has(name) {
		w, err := s.Store.Open(name)
		if err != nil {
			return recipe.Recipe{}, err
		}
		defer w.Close()
		return s.KeepRecipe(ctx, w)
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return recipe.ReadDir(name)
	}
	img, err := s.Store.Stored(name)
	if err != nil {
		return recipe.Recipe{}, err
	}
	defer img.Close()
	var config struct {
		Config ocispec.ImageConfig `json:"config"`
	}
	if err := json.Unmarshal(img.Config, &config); err != nil {
		return recipe.Recipe{}, fmt.Errorf("reading the image's configuration: %w", err)
	}
	r, ok, err := recipe.FromLabels(config.Config.Labels)
	if err == nil && !ok {
		err = message.Fail(message.Of("workshop.no-recipe", name), nil, message.Of("workshop.no-recipe.next"))
	}
	return r, err
}

// Replay makes the image of a recipe again, under a name of this machine, and says how
// it differs from the first one.
func (s *Workshop) Replay(ctx context.Context, r recipe.Recipe, name string, progress dockerfile.Reporter) (recipe.Report, error) {
	dir, err := os.MkdirTemp("", "replay-")
	if err != nil {
		return recipe.Report{}, fmt.Errorf("making a directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	context := filepath.Join(dir, "context")
	if err := r.WriteDir(context); err != nil {
		return recipe.Report{}, err
	}
	if _, err := dockerfile.Build(ctx, s.Store, dockerfile.Options{Context: context, Tags: []string{name}, NoCache: true, Report: progress}); err != nil {
		return recipe.Report{}, err
	}
	w, err := s.Store.OpenAny(name)
	if err != nil {
		return recipe.Report{}, err
	}
	defer w.Close()
	root, err := w.Root()
	if err != nil {
		return recipe.Report{}, err
	}
	now, err := inventory.Read(root)
	if err != nil {
		return recipe.Report{}, err
	}
	in, err := s.openRoot(w)
	if err != nil {
		return recipe.Report{}, err
	}
	defer func() { _ = in.Close() }()
	return r.Compare(now, r.Lock.Base, opener(in)), nil
}
