package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (p *program) newTagCommand() *cobra.Command {
	return &cobra.Command{
		Use:     p.Say("docker.tag.use"),
		Short:   p.Say("docker.tag.short"),
		Long:    p.Say("docker.tag.long"),
		Example: p.Say("docker.tag.examples"),
		Args:    p.args(2, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			st, err := p.open()
			if err != nil {
				return err
			}
			defer st.Close()
			return st.Tag(args[0], args[1])
		},
	}
}

func (p *program) newRemoveImageCommand() *cobra.Command {
	return &cobra.Command{
		Use:     p.Say("docker.rmi.use"),
		Short:   p.Say("docker.rmi.short"),
		Long:    p.Say("docker.rmi.long"),
		Example: p.Say("docker.rmi.examples"),
		Args:    p.args(1, many),
		RunE: func(cmd *cobra.Command, args []string) error {
			st, err := p.open()
			if err != nil {
				return err
			}
			defer st.Close()
			for _, name := range args {
				if err := st.Untag(name); err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), p.Say("docker.rmi.done", name))
			}
			return nil
		},
	}
}

func (p *program) newPruneCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "prune",
		Short:   p.Say("docker.prune.short"),
		Long:    p.Say("docker.prune.long"),
		Example: p.Say("docker.prune.examples"),
		Args:    p.args(0, 0),
		RunE: func(_ *cobra.Command, _ []string) error {
			st, err := p.open()
			if err != nil {
				return err
			}
			defer st.Close()
			return st.Prune()
		},
	}
	cmd.Flags().BoolP("force", "f", true, "") // docker asks; nothing is lost here that has a name
	_ = cmd.Flags().MarkHidden("force")
	return cmd
}
