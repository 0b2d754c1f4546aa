package main

import (
	"context"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/vmtemplate/rootless"
	"github.com/jrun-hpc/jrun/vmtemplate/site"
	"github.com/jrun-hpc/jrun/vmtemplate/workshop"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
)

// opened is what commands about workspaces and images work with.
type opened struct {
	*workspace.Store
	config site.Config
}

// open enters the user namespace, in which jbuild is executed again, and opens the
// store. Outside it returns a *rootless.EndedError.
func (p *program) open() (*opened, error) {
	config, err := p.config()
	if err != nil {
		return nil, err
	}
	dir := config.DataDir(getenv)
	if err := workspace.Prepare(dir); err != nil {
		return nil, err
	}
	ids, err := rootless.Enter()
	if err != nil {
		return nil, err
	}
	st, err := workspace.Open(workspace.Options{Dir: dir, IDs: ids, Client: client(config)})
	if err != nil {
		return nil, err
	}
	return &opened{Store: st, config: config}, nil
}

// client reaches registries, in the way of jrun.
func client(config site.Config) *image.Client {
	return image.NewClient(image.Options{DefaultRegistry: config.Registry, UserAgent: "jbuild/" + buildVersion})
}

// workshop is what one does with workspaces, in an open store.
func (p *program) workshop(st *opened) *workshop.Workshop {
	return &workshop.Workshop{Store: st.Store, Config: st.config, Printer: p.Printer, Version: buildVersion}
}

// withWorkspace opens a workspace for one command.
func (p *program) withWorkspace(ctx context.Context, name string, do func(*workshop.Workshop, *workspace.Workspace) error) error {
	st, err := p.open()
	if err != nil {
		return err
	}
	defer st.Close()
	w, err := st.Open(name)
	if err != nil {
		return err
	}
	defer p.closer(ctx, st, w)()
	return do(p.workshop(st), w)
}

// closer returns a function that closes a workspace, which has just been opened, and
// tells the site if something in it has changed meanwhile.
func (p *program) closer(ctx context.Context, st *opened, w *workspace.Workspace) func() {
	before := w.State
	return func() {
		w.Close()
		if !w.State.Unchanged(before) {
			p.reportQuietly(ctx, st)
		}
	}
}
