package main

import (
	"os"

	"github.com/jrun-hpc/jrun/vmtemplate/inside"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/rootless"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func (p *program) newShellCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "shell NAME",
		Short: p.Say("shell.short"),
		Args:  p.wantArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.runInside(cmd, args[0], nil)
		},
	}
}

func (p *program) newRunCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run NAME -- COMMAND [ARGUMENT...]",
		Short: p.Say("run.short"),
		Args:  p.wantArgs(cobra.MinimumNArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.runInside(cmd, args[0], commandIn(args[1:]))
		},
	}
	cmd.Flags().SetInterspersed(false)
	return cmd
}

// runInside runs a command in a workspace, or its shell. Its status becomes ours.
func (p *program) runInside(cmd *cobra.Command, name string, args []string) error {
	st, err := p.open()
	if err != nil {
		return err
	}
	defer st.Close()
	w, err := st.Open(name)
	if err != nil {
		return err
	}
	defer w.Close()
	session := workspace.Session{Args: args, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	if len(args) == 0 {
		_, path, err := w.Shell()
		if err != nil {
			return err
		}
		if path == "" {
			return message.Fail(message.Of("shell.none", name), nil, message.Of("shell.none.next"))
		}
		session.Args = []string{path}
	}
	if term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd())) {
		terminal, restore, err := inside.OwnTerminal()
		if err != nil {
			return err
		}
		defer restore()
		session.Terminal = terminal
	}
	status, err := w.Run(cmd.Context(), session)
	if err != nil {
		return err
	}
	if status != 0 {
		return &rootless.EndedError{Status: status}
	}
	return nil
}
