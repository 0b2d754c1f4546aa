package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/jrun-hpc/jrun/image/lifecycle/onboarding"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/jrun-hpc/jrun/quantity"
	"github.com/spf13/cobra"
)

const userListLong = `List everybody whom the directory or Harbor knows: whether the account is active or
has ended, what their project holds and may hold, and until when the compute servers
can log in for them. Who is "unknown" is at Harbor and not in the directory: a local
account, or somebody who is gone.`

func (p *program) newUserListCommand() *cobra.Command {
	var withProject, ended bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List people, their accounts and projects",
		Long:  userListLong,
		Example: `  jadm user list
  jadm user list --project
  jadm user list --ended --project     # who has left, and whose images are still there
  jadm user list --json`,
		Args: wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.runUserList(cmd.Context(), cmd.OutOrStdout(), func(e onboarding.Entry) bool {
				return (!withProject || e.Project != "") && (!ended || e.Standing == onboarding.Over || e.Standing == onboarding.Unknown)
			})
		},
	}
	cmd.Flags().BoolVar(&withProject, "project", false, "only those who have a project")
	cmd.Flags().BoolVar(&ended, "ended", false, "only those whose account has ended, or whom the directory does not know")
	return cmd
}

func (p *program) runUserList(ctx context.Context, out io.Writer, wanted func(onboarding.Entry) bool) error {
	onboarder, err := p.onboarder()
	if err != nil {
		return err
	}
	all, err := onboarder.List(ctx, clock())
	if err != nil {
		return err
	}
	shown := []onboarding.Entry{}
	for _, e := range all {
		if wanted(e) {
			shown = append(shown, e)
		}
	}
	if p.json {
		return printJSON(out, shown)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	// Names are last: tabwriter does not know that their characters are wide.
	fmt.Fprintln(table, "ID\tACCOUNT\tAT HARBOR\tUSED\tOF\tLOGIN UNTIL\tNAME")
	for _, e := range shown {
		known, used, limit := "-", "-", "-"
		if e.Known {
			known = "known"
		}
		if e.Project != "" {
			known, used, limit = "project", quantity.Size(e.UsedBytes), room(e.LimitBytes)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", printable.Line(e.ID), e.Standing, known, used, limit, day(e.Login), printable.Line(e.Name))
	}
	return table.Flush()
}

// room is a quota for people.
func room(limitBytes int64) string {
	if limitBytes < 0 {
		return "no limit"
	}
	return quantity.Size(limitBytes)
}

// day is a date; - for none.
func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(time.DateOnly)
}
