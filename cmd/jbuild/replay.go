package main

import (
	"fmt"

	"github.com/jrun-hpc/jrun/vmtemplate/rootless"
	"github.com/spf13/cobra"
)

// statusDiffers is the exit status of jbuild replay when the image is another one.
const statusDiffers = 1

func (p *program) newReplayCommand() *cobra.Command {
	var tag string
	var quiet bool
	cmd := &cobra.Command{
		Use:     p.Say("replay.use"),
		Short:   p.Say("replay.short"),
		Long:    p.Say("replay.long"),
		Example: p.Say("replay.examples"),
		Args:    p.args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			st, err := p.open()
			if err != nil {
				return err
			}
			defer st.Close()
			shop := p.workshop(st)
			r, err := shop.FindRecipe(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if tag == "" {
				tag = "replayed/" + r.Lock.Name + ":latest"
			}
			report, err := shop.Replay(cmd.Context(), r, tag, &buildReport{program: p, out: cmd.ErrOrStderr(), quiet: quiet || p.json})
			if err != nil {
				return err
			}
			if p.json {
				err = printJSON(cmd.OutOrStdout(), report)
			} else {
				fmt.Fprintln(cmd.OutOrStdout(), p.Say("replay.made", tag))
				for _, line := range report.Lines() {
					fmt.Fprintln(cmd.OutOrStdout(), p.Text(line))
				}
			}
			if err == nil && !report.Same() {
				err = &rootless.EndedError{Status: statusDiffers}
			}
			return err
		},
	}
	cmd.Flags().StringVarP(&tag, "tag", "t", "", p.Say("replay.tag"))
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, p.Say("replay.quiet"))
	return cmd
}
