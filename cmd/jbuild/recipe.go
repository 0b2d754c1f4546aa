package main

import (
	"fmt"

	"github.com/jrun-hpc/jrun/vmtemplate/workshop"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
	"github.com/spf13/cobra"
)

func (p *program) newRecipeCommand() *cobra.Command {
	return &cobra.Command{
		Use:     p.Say("recipes.use"),
		Short:   p.Say("recipes.short"),
		Long:    p.Say("recipes.long"),
		Example: p.Say("recipes.examples"),
		Args:    p.args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withWorkspace(cmd.Context(), args[0], func(shop *workshop.Workshop, w *workspace.Workspace) error {
				r, err := shop.KeepRecipe(cmd.Context(), w)
				if err != nil {
					return err
				}
				if p.json {
					return printJSON(cmd.OutOrStdout(), r.Lock)
				}
				_, err = fmt.Fprint(cmd.OutOrStdout(), r.Dockerfile)
				return err
			})
		},
	}
}
