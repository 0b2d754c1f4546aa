package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/leaving"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/spf13/cobra"
)

func (p *program) newLeaversCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "leavers",
		Short: "See who leaves, and how far that is",
		Long: `Lists who leaves, how far each departure is, what comes next, and what does not
succeed, with what to type.`,
		Example: `  jadm leavers
  jadm leavers show 20260001
  jadm leavers run
  jadm leavers run --dry-run`,
		Args: wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.runLeavers(cmd, false) },
	}
	c.AddCommand(p.newLeaversListCommand(), p.newLeaversShowCommand(), p.newLeaversRunCommand())
	return c
}

func (p *program) newLeaversListCommand() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "List who leaves",
		Example: "  jadm leavers list\n  jadm leavers list --all --json",
		Args:    wantArgs(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.runLeavers(cmd, all) },
	}
	c.Flags().BoolVarP(&all, "all", "a", false, "also those that are over")
	return c
}

func (p *program) runLeavers(cmd *cobra.Command, all bool) error {
	office, err := p.office()
	if err != nil {
		return err
	}
	departures, failed := office.Departures()
	now := clock()
	shown := []departure{}
	for _, d := range departures {
		if all || !d.Stage.Over() || len(d.Letters) > 0 {
			shown = append(shown, departure{d, office.Rules.Calendar(d, now), nil})
		}
	}
	if p.json {
		return errors.Join(printJSON(cmd.OutOrStdout(), shown), failed)
	}
	if len(shown) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "Nobody leaves.")
		return failed
	}
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	// Names are last: tabwriter does not know that their characters are wide.
	fmt.Fprintln(table, "ID\tDATE\tSTAGE\tNEXT\tNAME")
	for _, d := range shown {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", printable.Line(d.ID()), d.Date.Format(time.DateOnly), d.Stage, d.next(), printable.Line(d.Person.Name))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, d := range shown {
		for _, t := range d.Troubles {
			fmt.Fprintf(cmd.OutOrStdout(), "\n%s: %s does not succeed since %s\n", printable.Line(d.ID()), t.Step, t.Since.Local().Format(time.DateOnly))
			printTrouble(cmd.OutOrStdout(), t)
		}
	}
	return failed
}

func (p *program) newLeaversShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show a departure: what was done, and what will be",
		Long: `Shows all that is known of a departure: what has been done, where the images are, what
is still to come, and the certificate when there is one (in full with --json).`,
		Example: "  jadm leavers show 20260001\n  jadm leavers show 20260001 --json",
		Args:    wantArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			office, err := p.office()
			if err != nil {
				return err
			}
			d, err := office.Departure(args[0])
			if errors.Is(err, state.ErrNotFound) {
				return fault.Newf(err, "see who leaves: jadm leavers", "%s does not leave", args[0])
			}
			if err != nil {
				return err
			}
			c, err := office.Certificate(d.Key())
			if errors.Is(err, state.ErrNotFound) {
				c, err = nil, nil
			}
			return errors.Join(err, p.printDeparture(cmd.OutOrStdout(), d, clock(), c))
		},
	}
}

func (p *program) newLeaversRunCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "run [ID]...",
		Short: "Do what is due now",
		Long: `Does for everybody who leaves, or for those named, what is due now. jadm serve does the
same again and again. If it is interrupted, run it again: it goes on.

With --dry-run it only tells all that is to come, with its dates.`,
		Example: `  jadm leavers run
  jadm leavers run 20260001
  jadm leavers run --dry-run`,
		RunE: func(cmd *cobra.Command, args []string) error { return p.runLeaversRun(cmd, args) },
	}
}

func (p *program) runLeaversRun(cmd *cobra.Command, ids []string) error {
	office, err := p.office()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, err := office.Departure(id); err != nil {
			return fault.Newf(err, "see who leaves: jadm leavers", "%s does not leave", id)
		}
	}
	now := clock()
	switch {
	case p.dryRun:
		return p.printCalendars(cmd, office, now, ids)
	case len(ids) > 0:
		err = office.Work(cmd.Context(), now, ids...)
	default:
		err = office.Round(cmd.Context(), now)
	}
	if err != nil {
		return fault.Newf(err, "see what to do: jadm leavers", "not all that is due could be done")
	}
	return p.runLeavers(cmd, false)
}

// printCalendars says what is to come, for each.
func (p *program) printCalendars(cmd *cobra.Command, office *leaving.Office, now time.Time, ids []string) error {
	departures, failed := office.Departures()
	shown := []departure{}
	for _, d := range departures {
		if len(ids) > 0 && !strings.Contains("\n"+strings.Join(ids, "\n")+"\n", "\n"+d.ID()+"\n") || len(ids) == 0 && d.Stage.Over() && len(d.Letters) == 0 {
			continue
		}
		shown = append(shown, departure{d, office.Rules.Calendar(d, now), nil})
	}
	if p.json {
		return errors.Join(printJSON(cmd.OutOrStdout(), shown), failed)
	}
	for i, d := range shown {
		if i > 0 {
			fmt.Fprintln(cmd.OutOrStdout())
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s (%s), %s\n", printable.Line(d.ID()), printable.Line(d.Person.Name), d.Stage)
		printCalendar(cmd.OutOrStdout(), d.Calendar, now)
	}
	if len(shown) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "Nobody leaves.")
	}
	return failed
}
