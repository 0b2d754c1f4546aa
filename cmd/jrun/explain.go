package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/pbs"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/jrun-hpc/jrun/runtime/inject"
	"github.com/jrun-hpc/jrun/runtime/launch"
	"github.com/jrun-hpc/jrun/shellword"
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
refused by name. In a job of PBS it also lists what 'qsub -l container_image=IMAGE'
brings. Nothing is run. The exit status is 125 if something is refused.`,
		Example:           "  jrun explain --gpu all harbor.example.ac.jp/lab/train:2\n  pbsdsh -- jrun explain --json --mpi openmpi IMAGE      # what the nodes would do",
		Args:              wantArgs(cobra.MinimumNArgs(1)),
		ValidArgsFunction: g.completeImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.dryRun = &dryRun{out: cmd.OutOrStdout(), json: asJSON, ofJob: true}
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
	out   io.Writer
	json  bool
	ofJob bool // in a job of PBS: what the job has inside if it names the image
}

// explain prints what a run would do.
func (d *dryRun) explain(l launch.Options) error {
	task, inJob := currentTask()
	if d.ofJob && inJob {
		forTask(&l, task)
	}
	e, err := launch.Explain(l)
	if err != nil {
		return err
	}
	if inJob {
		d.explainTask(&e, task)
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

// explainTask says for which jobs what PBS needs is brought.
func (d *dryRun) explainTask(e *launch.Explanation, task pbs.Task) {
	note := launch.Verdict{About: "PBS", Outcome: "noted"}
	if !d.ofJob {
		note.Why = "what its own programs need is inside only if the job names the image: qsub -l " + pbs.ImageResource + "=IMAGE"
		note.Next = "jrun explain lists it"
		e.Verdicts = append(e.Verdicts, note)
		return
	}
	note.Why = "this is how a job sees the image that it names: qsub -l " + pbs.ImageResource + "=IMAGE"
	note.Next = "jrun run --dry-run says what jrun in a job's script does: no program of PBS is inside then"
	e.Verdicts = append(e.Verdicts, note)
	variables := variablesForTask(task)
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		e.Items = append(e.Items, inject.Item{
			Kind: inject.Variable, Inside: name, Value: variables[name], Why: "launchers of MPI start processes on the job's nodes by it", Rule: "jobs of PBS that name an image",
		})
	}
}

func printExplanation(out io.Writer, e launch.Explanation) error {
	var b strings.Builder
	fmt.Fprintf(&b, "image      %s %s\n", e.Image, e.Digest)
	if len(e.Command) > 0 {
		fmt.Fprintf(&b, "command    %s\n", shellword.ShowLine(e.Command))
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
	_, err := io.WriteString(out, printable.Text(b.String()))
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
