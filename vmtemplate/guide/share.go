package guide

import (
	"errors"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/inside"
	"github.com/jrun-hpc/jrun/vmtemplate/web/bench"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
)

// in opens a workspace for the time of do. What this session has open already is
// shared: a page looks at files while a shell runs.
func (e *Engine) in(name string, do func(*workspace.Workspace) error) error {
	w, err := e.acquire(name)
	if err != nil {
		return err
	}
	defer e.release(name, w)
	return do(w)
}

func (e *Engine) acquire(name string) (*workspace.Workspace, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if all := e.open[name]; len(all) > 0 {
		w := all[0].Share()
		e.open[name] = append(all, w)
		return w, nil
	}
	w, err := e.Shop.Store.Open(name)
	if errors.Is(err, workspace.ErrInUse) {
		return nil, errors.Join(flow.ErrInUse, err)
	}
	if err != nil {
		return nil, err
	}
	if e.open == nil {
		e.open = map[string][]*workspace.Workspace{}
	}
	e.open[name] = append(e.open[name], w)
	return w, nil
}

func (e *Engine) release(name string, w *workspace.Workspace) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var others []*workspace.Workspace
	for _, o := range e.open[name] {
		if o != w {
			others = append(others, o)
		}
	}
	e.open[name] = others
	w.Close()
}

// inShell is in for the workspace whose shell runs.
func (e *Engine) inShell(do func(*workspace.Workspace) error) error {
	w, name, err := e.acquireShell()
	if err != nil {
		return err
	}
	defer e.release(name, w)
	return do(w)
}

func (e *Engine) acquireShell() (*workspace.Workspace, string, error) {
	e.mu.Lock()
	name := e.shell
	e.mu.Unlock()
	if name == "" {
		return nil, "", bench.ErrNoShell
	}
	w, err := e.acquire(name)
	return w, name, err
}

// runs notes in which workspace a shell runs, and on which terminal; none for "".
func (e *Engine) runs(name string, terminal *inside.Terminal) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.shell, e.terminal = name, terminal
}

// shellTerminal is that of the shell that runs; nil where lines come from a file.
func (e *Engine) shellTerminal() (*inside.Terminal, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.shell == "" {
		return nil, bench.ErrNoShell
	}
	return e.terminal, nil
}
