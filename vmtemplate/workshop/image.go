package workshop

import (
	"context"

	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
)

// Image is the workspace as it goes up.
func (s *Workshop) Image(ctx context.Context, w *workspace.Workspace, o workspace.ImageOptions) (*workspace.Image, error) {
	if o.By == "" {
		o.By = "jbuild " + s.Version
	}
	return w.Image(ctx, o)
}
