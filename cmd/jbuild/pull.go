package main

import (
	"fmt"

	"github.com/jrun-hpc/jrun/vmtemplate/dockerfile"
	"github.com/spf13/cobra"
)

func (p *program) newPullCommand() *cobra.Command {
	var quiet bool
	cmd := &cobra.Command{
		Use:     p.Say("docker.pull.use"),
		Short:   p.Say("docker.pull.short"),
		Long:    p.Say("docker.pull.long"),
		Example: p.Say("docker.pull.examples"),
		Args:    p.args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			st, err := p.open()
			if err != nil {
				return err
			}
			defer st.Close()
			name, err := dockerfile.Qualify(st.Client(), args[0])
			if err != nil {
				return err
			}
			report := &buildReport{program: p, out: cmd.ErrOrStderr(), quiet: quiet}
			progress, done := report.Fetching(name)
			base, err := st.Pull(cmd.Context(), name, progress)
			done()
			if err != nil {
				return err
			}
			if p.json {
				return printJSON(cmd.OutOrStdout(), map[string]string{"name": base.Name, "digest": base.Digest.String()})
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), base.Name)
			return err
		},
	}
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, p.Say("docker.pull.quiet"))
	return cmd
}
