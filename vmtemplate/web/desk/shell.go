package desk

import (
	"context"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
)

// Shell implements flow.Face.
func (d *Desk) Shell(ctx context.Context, do func(context.Context, flow.Console) error) error {
	screen := newScreen()
	d.change(func() {
		d.shell = d.number()
		d.screen = screen
		d.versions.Shell++
	})
	defer d.change(func() {
		d.shell = 0
		d.versions.Shell++
	})
	defer screen.end()
	stop := context.AfterFunc(ctx, screen.end)
	defer stop()
	return do(ctx, screen)
}

// Screen is that of the shell with a number: the one that runs, or the one that ran
// last.
func (d *Desk) Screen() *Screen {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.screen
}
