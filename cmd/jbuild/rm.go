package main

import (
	"context"
	"os"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func (p *program) newRemoveCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:     p.Say("rm.use"),
		Short:   p.Say("rm.short"),
		Long:    p.Say("rm.long"),
		Example: p.Say("rm.examples"),
		Args:    p.args(1, many),
		RunE: func(cmd *cobra.Command, args []string) error {
			st, err := p.open()
			if err != nil {
				return err
			}
			defer st.Close()
			defer p.reportQuietly(cmd.Context(), st)
			for _, name := range args {
				sure, err := p.sure(cmd.Context(), st, name, yes)
				if err != nil {
					return err
				}
				if !sure {
					continue
				}
				if err := st.Remove(name); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, p.Say("rm.yes"))
	return cmd
}

// sure asks a person on a terminal before what was changed and not uploaded is thrown
// away. Scripts are not asked.
func (p *program) sure(ctx context.Context, st *opened, name string, yes bool) (bool, error) {
	if yes || !term.IsTerminal(int(os.Stdin.Fd())) || !term.IsTerminal(int(os.Stdout.Fd())) {
		return true, nil
	}
	w, err := st.Open(name)
	if err != nil {
		return false, err
	}
	changes, err := w.Changes()
	kept := len(w.State.Pushes) > 0 && !workspace.Summary{State: w.State}.Unpushed()
	w.Close()
	if err != nil || len(changes) == 0 || kept {
		return err == nil, err
	}
	face, err := p.face()
	if err != nil {
		return false, err
	}
	defer func() { _ = face.Close() }() // the answers are there
	sure, err := face.Confirm(ctx, flow.Confirmation{Asked: flow.Asked{
		ID: "remove", Title: message.Of("rm.sure", name), Help: message.Of("rm.sure.help"), Flag: "jbuild rm --yes " + name,
	}})
	return sure, reported(err)
}
