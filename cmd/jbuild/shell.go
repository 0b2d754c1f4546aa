package main

import (
	"context"
	"fmt"
	"os"

	"github.com/jrun-hpc/jrun/vmtemplate/inside"
	"github.com/jrun-hpc/jrun/vmtemplate/rootless"
	"github.com/jrun-hpc/jrun/vmtemplate/workshop"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func (p *program) newShellCommand() *cobra.Command {
	return &cobra.Command{
		Use:     p.Say("shell.use"),
		Aliases: []string{"start"},
		Short:   p.Say("shell.short"),
		Long:    p.Say("shell.long"),
		Example: p.Say("shell.examples"),
		Args:    p.args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.inWorkspace(cmd.Context(), args[0], func(shop *workshop.Workshop, w *workspace.Workspace, s workspace.Session) (int, error) {
				status, err := shop.Shell(cmd.Context(), w, p.Say("flow.prompt", w.Name), p.Say("shell.welcome", w.Name)+"\n\n", s)
				if err == nil && s.Terminal != nil {
					fmt.Fprintln(cmd.ErrOrStderr(), p.Say("shell.left", w.Name, w.Name, w.Name))
				}
				return status, err
			})
		},
	}
}

func (p *program) newRunCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     p.Say("run.use"),
		Short:   p.Say("run.short"),
		Long:    p.Say("run.long"),
		Example: p.Say("run.examples"),
		Args:    p.args(2, many),
		RunE: func(cmd *cobra.Command, args []string) error {
			command, err := commandIn(cmd, args[1:])
			if err != nil {
				return err
			}
			return p.inWorkspace(cmd.Context(), args[0], func(shop *workshop.Workshop, w *workspace.Workspace, s workspace.Session) (int, error) {
				return shop.Exec(cmd.Context(), w, command, s)
			})
		},
	}
	cmd.Flags().SetInterspersed(false)
	return cmd
}

// inWorkspace opens a workspace for a program on our terminal, or our files. The
// program's status becomes ours.
func (p *program) inWorkspace(ctx context.Context, name string, do func(*workshop.Workshop, *workspace.Workspace, workspace.Session) (int, error)) error {
	return p.withWorkspace(ctx, name, func(shop *workshop.Workshop, w *workspace.Workspace) error {
		session := workspace.Session{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
		restore := func() {}
		if term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd())) {
			var err error
			if session.Terminal, restore, err = inside.OwnTerminal(); err != nil {
				return err
			}
		}
		status, err := func() (int, error) {
			defer restore()
			return do(shop, w, session)
		}()
		if err == nil && status != 0 {
			err = &rootless.EndedError{Status: status}
		}
		return err
	})
}
