package main

import (
	"github.com/spf13/cobra"
)

func (p *program) newRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rm NAME...",
		Short: p.Say("rm.short"),
		Args:  p.wantArgs(cobra.MinimumNArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			st, err := p.open()
			if err != nil {
				return err
			}
			defer st.Close()
			for _, name := range args {
				if err := st.Remove(name); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
