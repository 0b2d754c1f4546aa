package main

import (
	"fmt"
	"strings"

	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/bundle"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/spf13/cobra"
)

func (p *program) newBundleRestoreCommand() *cobra.Command {
	var r bundle.RestoreRequest
	c := &cobra.Command{
		Use:   "restore [--into PROJECT] DIR",
		Short: "Upload images of a bundle into the registry",
		Long: `Uploads images with their digests, tags, signatures and whatever else belongs to them,
and asks the registry for each afterwards. What is there is left alone, so it can be run
again after an interruption. A tag that stands for another image is an error, before
anything is uploaded, unless --overwrite says to move it.`,
		Example: `  jadm bundle restore /archive/u2026001
  jadm bundle restore --into professor --image solver:2.0 /archive/u2026001
  jadm bundle restore --dry-run /archive/u2026001`,
		Args: wantArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if r.Registry, err = p.registry(); err != nil {
				return err
			}
			r.DryRun = p.dryRun
			show, end := bundleProgress(cmd.ErrOrStderr())
			r.Progress = show
			var results []bundle.Restored
			restore := func() error {
				results, err = bundle.Restore(cmd.Context(), args[0], r)
				return err
			}
			if r.DryRun {
				err = restore()
			} else {
				err = p.recordRestore(args[0], r, restore)
			}
			end()
			if err != nil {
				return err
			}
			if p.json {
				return printJSON(cmd.OutOrStdout(), results)
			}
			for _, result := range results {
				fmt.Fprintf(cmd.OutOrStdout(), "%-8s %s  %s\n", result.State, printable.Line(result.Target), strings.Join(result.Tags, " "))
			}
			return nil
		},
	}
	c.Flags().StringVar(&r.Project, "into", "", "the `PROJECT` that takes the place of the one they came from")
	c.Flags().StringArrayVar(&r.Images, "image", nil, "only this `IMAGE`, as of bundle run (can be repeated)")
	c.Flags().BoolVar(&r.Overwrite, "overwrite", false, "move tags that stand for something else")
	c.Flags().IntVarP(&r.Workers, "jobs", "j", bundle.DefaultWorkers, "upload `N` blobs at once")
	return c
}

func (p *program) recordRestore(dir string, r bundle.RestoreRequest, restore func() error) error {
	recorder, err := p.recorder()
	if err != nil {
		return err
	}
	b, err := bundle.Load(dir)
	if err != nil {
		return err
	}
	details := map[string]string{"dir": dir, "into": r.Project, "images": strings.Join(r.Images, " ")}
	if r.Overwrite {
		details["overwrite"] = "true"
	}
	return recorder.Do(audit.Act{Action: "bundle.restore", Subject: b.Owner.ID, Details: details}, restore)
}
