package main

import (
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/spf13/cobra"
)

// newSaveImageCommand is docker save. jbuild save is about workspaces, so it has another
// name here, and docker's below docker-compat.
func (p *program) newSaveImageCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:    p.Say("docker.save.use"),
		Short:  p.Say("docker.save.short"),
		Hidden: true,
		Args:   p.args(1, many),
		RunE: func(cmd *cobra.Command, args []string) error {
			if file == "" {
				return message.Fail(message.Of("root.no-value", "--output"), nil, message.Of("root.usage", cmd.UseLine()))
			}
			st, err := p.open()
			if err != nil {
				return err
			}
			defer st.Close()
			return st.Archive(cmd.Context(), file, args...)
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", "", p.Say("docker.save.output"))
	return cmd
}
