package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/mirror"
	"github.com/jrun-hpc/jrun/image/lifecycle/service"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/jrun-hpc/jrun/quantity"
	"github.com/spf13/cobra"
)

func (p *program) newQueueCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "queue",
		Short: "Show what jadm serve is converting",
		Long: `Show what jadm serve is converting, what waits, and what could not be converted,
why, and when it is tried again. Only the account that runs jadm serve can ask it.`,
		Example: `  jadm queue
  watch jadm queue`,
		Args: wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := p.settings()
			if err != nil {
				return err
			}
			r, err := service.Ask(cmd.Context(), service.SocketIn(s.State))
			if err != nil {
				return err
			}
			if p.json {
				return printJSON(cmd.OutOrStdout(), r)
			}
			return printQueue(cmd.OutOrStdout(), r)
		},
	}
	cmd.AddCommand(p.newQueueRetryCommand())
	return cmd
}

func (p *program) newQueueRetryCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "retry [PROJECT[/REPOSITORY]]",
		Short: "Try again now what could not be converted",
		Long: `Try again now what could not be converted: of a repository, of a project, or all.
A pause after trouble with the registry or the store ends, too.`,
		Example: `  jadm queue retry
  jadm queue retry lab-tanaka/cfd`,
		Args: wantArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := p.settings()
			if err != nil {
				return err
			}
			socket, about := service.SocketIn(s.State), strings.Join(args, "")
			if _, ok := mirror.ParseTarget(about); !ok && about != "" {
				return fault.Newf(errors.New("there can be no such name at Harbor"), "see what has failed: jadm queue", "there is no project or repository %q", about)
			}
			if p.dryRun {
				return p.dryRetry(cmd, socket, about)
			}
			n, err := service.AskRetry(cmd.Context(), socket, about)
			if err != nil {
				return err
			}
			if p.json {
				return printJSON(cmd.OutOrStdout(), map[string]int{"retried": n})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d that had failed are tried again\n", n)
			return err
		},
	}
}

// dryRetry counts what would be tried again.
func (p *program) dryRetry(cmd *cobra.Command, socket, about string) error {
	r, err := service.Ask(cmd.Context(), socket)
	if err != nil {
		return err
	}
	n := 0
	for _, f := range r.Failures {
		if about == "" || f.Target.String() == about || f.Target.Project == about {
			n++
		}
	}
	if p.json {
		return printJSON(cmd.OutOrStdout(), map[string]int{"retried": n})
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d that have failed would be tried again\n", n)
	return err
}

// printQueue is the queue for a terminal.
func printQueue(out io.Writer, r service.Report) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(cells ...string) {
		for i, c := range cells {
			cells[i] = printable.Line(c)
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	now := r.Time
	for _, why := range r.Health {
		row("NOT WELL", why)
	}
	for _, t := range r.Troubles {
		row("trouble", t.Where, "since "+ago(now, t.Since), t.Error)
	}
	for _, j := range r.Running {
		row("running", named(j.Image, j.Tags), j.Platform, ago(now, j.Since), j.Phase+layers(j.Layer, j.Layers), progress(j.DoneBytes, j.AllBytes))
	}
	for _, wt := range r.Waiting {
		urgency := ""
		if wt.Urgent {
			urgency = "just pushed"
		}
		row("waiting", named(wt.Image, wt.Tags), wt.Platform, ago(now, wt.Since), urgency)
	}
	if more := r.ToConvert - len(r.Waiting); more > 0 {
		row("waiting", fmt.Sprintf("and %d more", more))
	}
	for _, f := range r.Failures {
		next := "now"
		if f.Next.After(now) {
			next = "again in " + f.Next.Sub(now).Round(time.Second).String()
		}
		row("failed", named(f.Target.String(), f.Tags), f.Platform, string(f.Reason), times(f.Attempts)+", "+next, f.Error)
	}
	for _, t := range r.Tasks {
		if t.Failed > 0 {
			row("task", t.Name, fmt.Sprintf("failed %d times", t.Failed), t.Error)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	compared := "not yet compared with the registry"
	if !r.Rounds.Complete.IsZero() {
		compared = "compared with the registry " + ago(now, r.Rounds.Complete) + " ago"
	}
	free := ""
	if r.StoreBytes != nil {
		free = ", " + quantity.Size(r.StoreBytes.Free) + " free"
	}
	fmt.Fprintf(&b, "%d running, %d waiting, %d failed; %d to be looked at; %s%s\n",
		len(r.Running), r.ToConvert, len(r.Failures), r.ToLook, compared, free)
	_, err := io.WriteString(out, printable.Text(b.String()))
	return err
}

// named is a repository with its first tag.
func named(image string, tags []string) string {
	switch len(tags) {
	case 0:
		return image
	case 1:
		return image + ":" + tags[0]
	}
	return fmt.Sprintf("%s:%s (+%d)", image, tags[0], len(tags)-1)
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func ago(now, then time.Time) string { return now.Sub(then).Round(time.Second).String() }

func layers(i, n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" layer %d of %d", i, n)
}

func progress(done, all int64) string {
	if all == 0 {
		return ""
	}
	return quantity.Size(done) + " of " + quantity.Size(all)
}
