package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jrun-hpc/jrun/image/lifecycle/leaving"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/spf13/cobra"
)

func (p *program) newExpiredCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "expired",
		Short: "Propose people whose account has ended",
		Long: `Lists people whose account has ended, or whom the directory does not know any more, and
who still have a project, robots or memberships in Harbor; with the command that lets
each leave. Nothing is done about them: that somebody leaves is always somebody's order.

When the directory does not answer, nobody is proposed.`,
		Example: "  jadm expired\n  jadm expired --json",
		Args:    wantArgs(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.runExpired(cmd) },
	}
}

func (p *program) runExpired(cmd *cobra.Command) error {
	office, err := p.office()
	if err != nil {
		return err
	}
	client, err := p.harbor()
	if err != nil {
		return err
	}
	proposals, err := office.Expired(cmd.Context(), clock(), client)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if p.json {
		return printJSON(out, proposals)
	}
	if len(proposals) == 0 {
		_, err := fmt.Fprintln(out, "Nobody whose account has ended has anything in Harbor.")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	// Names are last: tabwriter does not know that their characters are wide.
	fmt.Fprintln(table, "ID\tACCOUNT\tPROJECT\tMEMBER OF\tNAME")
	for _, x := range proposals {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", printable.Line(x.ID), accountOf(x), projectOf(x), printable.Line(strings.Join(x.Memberships, ", ")), printable.Line(x.Name))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out, "\nTo let them leave, with notices:")
	for _, x := range proposals {
		fmt.Fprintf(out, "  %s\n", printable.Line(x.Next))
	}
	return nil
}

func accountOf(x leaving.Proposal) string {
	if x.Account == leaving.AccountEnded && !x.Ended.IsZero() {
		return "ended " + x.Ended.Local().Format(time.DateOnly)
	}
	return x.Account
}

func projectOf(x leaving.Proposal) string {
	if x.Project == "" {
		return "-"
	}
	return fmt.Sprintf("%s (%d repositories, %d robots)", x.Project, x.Images, x.Robots)
}
