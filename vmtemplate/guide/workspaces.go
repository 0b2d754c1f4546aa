package guide

import (
	"context"
	"sync"

	"github.com/jrun-hpc/jrun/vmtemplate/change"
	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/inside"
	"github.com/jrun-hpc/jrun/vmtemplate/inventory"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/workshop"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
)

// Engine works for one session, and for the pages that show it. A workspace is open, and
// locked, only while something is done with it.
type Engine struct {
	Shop *workshop.Workshop

	mu       sync.Mutex
	open     map[string][]*workspace.Workspace // handles of what is open, by name
	shell    string                            // the workspace in which a shell runs
	terminal *inside.Terminal                  // which it runs on; may be nil
}

var (
	_ flow.Workspaces = (*Engine)(nil)
	_ flow.Registry   = (*Engine)(nil)
	_ flow.Uploader   = (*Engine)(nil)
)

// List implements flow.Workspaces.
func (e *Engine) List(ctx context.Context) ([]flow.Workspace, error) {
	summaries, err := e.Shop.Store.List(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]flow.Workspace, len(summaries))
	for i, s := range summaries {
		all[i] = flow.Workspace{Name: s.Name, Base: s.State.Base, Used: s.State.Used, Bytes: s.Bytes}
		if n := len(s.State.Pushes); n > 0 {
			all[i].Uploaded = s.State.Pushes[n-1].Image
		}
	}
	return all, nil
}

// New implements flow.Workspaces.
func (e *Engine) New(ctx context.Context, name, base string, report func(flow.Transfer)) error {
	w, err := e.Shop.New(ctx, name, base, func(done, of int64) {
		report(flow.Transfer{Phase: message.Of("guide.fetching", base), Done: done, All: of})
	})
	if err != nil {
		return err
	}
	w.Close()
	return nil
}

// Shell implements flow.Workspaces.
func (e *Engine) Shell(ctx context.Context, name, prompt string, c flow.Console) error {
	return e.in(name, func(w *workspace.Workspace) error {
		s, done, err := session(c)
		if err != nil {
			return err
		}
		defer done()
		e.runs(name, s.Terminal)
		defer e.runs("", nil)
		_, err = e.Shop.Shell(ctx, w, prompt, "", s) // the session has said what is to be said
		return err
	})
}

// Changes implements flow.Workspaces.
func (e *Engine) Changes(ctx context.Context, name string) (all flow.Changes, err error) {
	err = e.in(name, func(w *workspace.Workspace) error {
		changes, err := e.Shop.Changes(ctx, w)
		if err == nil {
			all = summed(changes)
		}
		return err
	})
	return all, err
}

// summed counts changes as the session tells them. Files of packages count as files,
// too; what the managers note about them is small.
func summed(c workshop.Changes) flow.Changes {
	var all flow.Changes
	left := map[change.Reason]*flow.Left{}
	var reasons []change.Reason
	for _, f := range c.Files {
		switch {
		case f.Dir:
		case f.Left != "":
			if left[f.Left] == nil {
				left[f.Left] = &flow.Left{Why: f.Left}
				reasons = append(reasons, f.Left)
			}
			left[f.Left].Files++
			left[f.Left].Bytes += f.Bytes
		default:
			all.Files++
			all.Bytes += f.Bytes
		}
	}
	for _, r := range reasons {
		all.Left = append(all.Left, *left[r])
	}
	all.Packages = packages(c.Packages)
	for _, s := range c.Secrets {
		all.Suspects = append(all.Suspects, flow.Suspect{Path: s.Path, Why: s.Text()})
	}
	return all
}

func packages(d inventory.Difference) []flow.Package {
	var all []flow.Package
	for _, p := range d.Added {
		all = append(all, flow.Package{Manager: manager(p.Manager), Name: p.Name, Is: p.Version})
	}
	for _, p := range d.Changed {
		all = append(all, flow.Package{Manager: manager(p.Manager), Name: p.Name, Was: p.Version, Is: p.To})
	}
	for _, p := range d.Removed {
		all = append(all, flow.Package{Manager: manager(p.Manager), Name: p.Name, Was: p.Version})
	}
	return all
}

// manager is what people call it.
func manager(m inventory.Manager) string {
	switch m {
	case inventory.Dpkg:
		return "apt"
	case inventory.RPM:
		return "dnf"
	case inventory.R:
		return "R"
	}
	return string(m)
}

// LeaveOut implements flow.Workspaces.
func (e *Engine) LeaveOut(_ context.Context, name string, paths []string) error {
	return e.in(name, func(w *workspace.Workspace) error {
		return w.Update(func(s *workspace.State) { s.LeaveOut = paths })
	})
}

// Recipe implements flow.Workspaces.
func (e *Engine) Recipe(ctx context.Context, name string) (text string, err error) {
	err = e.in(name, func(w *workspace.Workspace) error {
		r, err := e.Shop.Recipe(ctx, w)
		text = r.Dockerfile
		return err
	})
	return text, err
}

// Remove implements flow.Workspaces.
func (e *Engine) Remove(_ context.Context, name string) error { return e.Shop.Store.Remove(name) }
