package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/runtime/launch"
	"github.com/spf13/cobra"
)

func newExplainCommand(g *globalOptions) *cobra.Command {
	var o runOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain [flags] IMAGE [--] [COMMAND [ARGUMENT...]]",
		Short: "Say what of this machine a job would have inside, and whether it fits",
		Long: `List every file, directory, device and variable that 'jrun run' with the same flags
would bring into the image, why, and by which rule; and whether it fits: libraries of
the host (GPU drivers, MPI) that need a newer C library than the image has are
refused by name. Nothing is run. The exit status is 125 if something is refused.`,
		Example:           "  jrun explain --gpu all harbor.example.ac.jp/lab/train:2\n  pbsdsh -- jrun explain --json --mpi openmpi IMAGE      # what the nodes would do",
		Args:              wantArgs(cobra.MinimumNArgs(1)),
		ValidArgsFunction: g.completeImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.dryRun = &dryRun{out: cmd.OutOrStdout(), json: asJSON}
			return runRun(cmd.Context(), g, &o, args)
		},
	}
	o.addFlags(cmd.Flags())
	g.addPullFlag(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().SetInterspersed(false)
	return cmd
}

// dryRun takes the place of a run.
type dryRun struct {
	out  io.Writer
	json bool
}

// explain prints what a run would do.
func (d *dryRun) explain(l launch.Options) error {
	e, err := launch.Explain(l)
	if err != nil {
		return err
	}
	if d.json {
		err = printJSON(d.out, e)
	} else {
		err = printExplanation(d.out, e)
	}
	if err == nil && !e.Fits {
		err = errReported
	}
	return err
}

func printExplanation(out io.Writer, e launch.Explanation) error {
	var b strings.Builder
	fmt.Fprintf(&b, "image      %s %s\n", e.Image, e.Digest)
	if len(e.Command) > 0 {
		fmt.Fprintf(&b, "command    %s\n", shellLine(e.Command))
	}
	fmt.Fprintf(&b, "directory  %s\n\n", e.Dir)
	for _, item := range e.Items {
		fmt.Fprintln(&b, item)
	}
	fmt.Fprintln(&b)
	for _, v := range e.Verdicts {
		fmt.Fprintf(&b, "%-9s  %s: %s\n", v.Outcome, v.About, v.Why)
		for next := range strings.Lines(v.Next) {
			fmt.Fprintf(&b, "           next: %s\n", strings.TrimRight(next, "\n"))
		}
	}
	verdict := "it fits"
	if !e.Fits {
		verdict = "it does not fit: see what is refused"
	}
	fmt.Fprintf(&b, "verdict    %s\n", verdict)
	_, err := io.WriteString(out, fault.Printable(b.String()))
	return err
}

// explainOnce is startOnce without the start.
func (s *session) explainOnce(d *dryRun, l launch.Options, get func() (store.Object, image.Resolved, error)) error {
	object, _, err := get()
	if err != nil {
		return err
	}
	if l.Image, err = s.store.OpenFile(object); err != nil {
		return err
	}
	l.Path, l.Digest, l.Config = object.Path, object.Digest.String(), object.Meta.Config.Config
	return d.explain(l)
}
