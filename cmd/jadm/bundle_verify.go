package main

import (
	"errors"
	"fmt"

	"github.com/jrun-hpc/jrun/image/lifecycle/bundle"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/jrun-hpc/jrun/quantity"
	"github.com/spf13/cobra"
)

func (p *program) newBundleVerifyCommand() *cobra.Command {
	var r bundle.VerifyRequest
	c := &cobra.Command{
		Use:   "verify DIR",
		Short: "Check that nothing of a bundle is missing, damaged or too much",
		Long: `Reads all of a bundle: each file has its sum, nothing is beside, each image is
complete, and the lists in it agree. Without jadm, 'sha256sum -c manifest-sha256.txt' in the
directory checks the sums.`,
		Example: `  jadm bundle verify /archive/u2026001
  jadm bundle verify --deep --json /archive/u2026001`,
		Args: wantArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			show, end := bundleProgress(cmd.ErrOrStderr())
			r.Progress = show
			s, err := bundle.VerifyWith(cmd.Context(), args[0], r)
			end()
			var damage *bundle.DamageError
			if errors.As(err, &damage) {
				if p.json {
					if err := printJSON(cmd.OutOrStdout(), map[string]any{"dir": args[0], "problems": damage.Problems, "more": damage.More}); err != nil {
						return err
					}
					return errReported
				}
				for _, problem := range damage.Problems {
					fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", problem.File, problem.Why)
				}
			}
			if err != nil {
				return err
			}
			return p.printSummary(cmd.OutOrStdout(), s, "is sound")
		},
	}
	c.Flags().BoolVar(&r.Deep, "deep", false, "unpack every layer, too, and compare it with the image's configuration")
	c.Flags().IntVarP(&r.Workers, "jobs", "j", bundle.DefaultWorkers, "read `N` files at once")
	return c
}

func (p *program) newBundleShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show DIR",
		Short: "List what is in a bundle",
		Example: `  jadm bundle show /archive/u2026001
  jadm bundle show --json /archive/u2026001 | jq -r '.images[].names[]'`,
		Args: wantArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := bundle.Load(args[0])
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if p.json {
				return printJSON(out, b)
			}
			fmt.Fprint(out, printable.Text(fmt.Sprintf("%s (%s), from %s, %s by %s\n", b.Owner.Display(), b.Owner.ID, b.Registry, b.Made.Format("2006-01-02"), b.Program)))
			for _, image := range b.Images {
				fmt.Fprint(out, printable.Text(fmt.Sprintf("%-50s  %8s  %s\n", image.RunName(), quantity.Size(image.SizeBytes), image.Digest)))
			}
			for _, g := range b.Gone {
				fmt.Fprint(out, printable.Text(fmt.Sprintf("used, and deleted before the bundle was made: %s %s\n", g.Name, g.Digest)))
			}
			return nil
		},
	}
}
