package main

import (
	"fmt"

	"github.com/jrun-hpc/jrun/vmtemplate/workshop"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
	"github.com/spf13/cobra"
)

func (p *program) newSaveCommand() *cobra.Command {
	var squash bool
	cmd := &cobra.Command{
		Use:     p.Say("save.use"),
		Short:   p.Say("save.short"),
		Long:    p.Say("save.long"),
		Example: p.Say("save.examples"),
		Args:    p.args(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withWorkspace(cmd.Context(), args[0], func(shop *workshop.Workshop, w *workspace.Workspace) error {
				id, err := shop.Keep(cmd.Context(), w, args[1], workspace.ImageOptions{Squash: squash})
				if err != nil {
					return err
				}
				if p.json {
					return printJSON(cmd.OutOrStdout(), map[string]string{"image": args[1], "id": id})
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), p.Say("save.done", args[0], args[1]))
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&squash, "squash", false, p.Say("save.squash"))
	return cmd
}
