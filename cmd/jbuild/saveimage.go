package main

import "github.com/spf13/cobra"

// newSaveImageCommand is docker save. jbuild save is about workspaces, so it has another
// name here, and docker's below docker-compat.
func (p *program) newSaveImageCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:    "save-image -o FILE IMAGE...",
		Short:  p.Say("docker.save.short"),
		Hidden: true,
		Args:   p.wantArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			st, err := p.open()
			if err != nil {
				return err
			}
			defer st.Close()
			return st.Archive(cmd.Context(), file, args...)
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", "", p.Say("docker.save.output"))
	_ = cmd.MarkFlagRequired("output")
	return cmd
}
