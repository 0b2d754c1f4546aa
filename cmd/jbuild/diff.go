package main

import (
	"fmt"

	"github.com/jrun-hpc/jrun/vmtemplate/change"
	"github.com/spf13/cobra"
)

func (p *program) newDiffCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "diff NAME",
		Short: p.Say("diff.short"),
		Args:  p.wantArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			st, err := p.open()
			if err != nil {
				return err
			}
			defer st.Close()
			w, err := st.Open(args[0])
			if err != nil {
				return err
			}
			defer w.Close()
			changes, err := w.Changes()
			if err != nil {
				return err
			}
			if p.json {
				return printJSON(cmd.OutOrStdout(), changes)
			}
			sign := map[change.Kind]string{change.Added: "A", change.Modified: "C", change.Deleted: "D"}
			for _, c := range changes {
				if c.Left == "" {
					fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", sign[c.Kind], c.Path)
				}
			}
			return nil
		},
	}
}
