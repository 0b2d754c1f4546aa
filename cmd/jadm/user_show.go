package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jrun-hpc/jrun/image/lifecycle/onboarding"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/jrun-hpc/jrun/quantity"
	"github.com/spf13/cobra"
)

const userShowLong = `Show what the directory and Harbor know of somebody: the account, roles in projects,
what their project holds and may hold, its robots and when these end, and the last
upload. Roles are those in their own and the shared projects; --everywhere looks
through all, with a request for each.`

func (p *program) newUserShowCommand() *cobra.Command {
	var everywhere bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show somebody's account, projects, robots and last upload",
		Long:  userShowLong,
		Example: `  jadm user show 20260001
  jadm user show 20260001 --everywhere --json`,
		Args: wantArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.runUserShow(cmd.Context(), cmd.OutOrStdout(), args[0], everywhere)
		},
	}
	cmd.Flags().BoolVar(&everywhere, "everywhere", false, "look for roles in all projects")
	return cmd
}

func (p *program) runUserShow(ctx context.Context, out io.Writer, id string, everywhere bool) error {
	onboarder, err := p.onboarder()
	if err != nil {
		return err
	}
	now := clock()
	s, err := onboarder.Show(ctx, id, now, everywhere)
	if err != nil {
		return err
	}
	if p.json {
		return printJSON(out, s)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(table, "%s\t%s\n", name, printable.Line(fmt.Sprintf(format, args...)))
	}
	row("ID", "%s", s.ID)
	row("name", "%s", dash(s.Name))
	row("mail", "%s", dash(s.Mail))
	row("account", "%s", account(s))
	for i, g := range s.Groups {
		row(once("groups", i), "%s", g)
	}
	row("at Harbor", "%s", map[bool]string{true: "known", false: "not known yet"}[s.Known])
	switch {
	case s.Project == "" && s.Standing == onboarding.Active:
		row("project", "none; make it: jadm user add %s", s.ID)
	case s.Project == "":
		row("project", "none")
	default:
		row("project", "%s, %s of %s", s.Project, quantity.Size(s.UsedBytes), room(s.LimitBytes))
		row("last upload", "%s", map[bool]string{true: "never", false: s.LastPush.Local().Format(time.DateTime)}[s.LastPush.IsZero()])
	}
	for i, r := range s.Roles {
		row(once("roles", i), "%s of %s", r.Role, r.Project)
	}
	for i, r := range s.Robots {
		row(once("robots", i), "%s, %s, for %s", r.Robot, lasts(r, now), strings.Join(r.Projects, ", "))
	}
	if !s.Finished.IsZero() {
		row("taken in", "%s", day(s.Finished))
	}
	if s.Problem != "" {
		row("problem", "%s", s.Problem)
	}
	return table.Flush()
}

func account(s onboarding.Status) string {
	text := s.Standing
	if s.Person.Disabled {
		text += ", locked"
	}
	switch {
	case s.Expires.IsZero():
	case s.Standing == onboarding.Over:
		text += ", since " + s.Expires.Format(time.DateOnly)
	default: // Expires is the moment after the last one: midnight, of a list that names days
		text += ", until " + s.Expires.Add(-time.Nanosecond).Format(time.DateOnly)
	}
	return text
}

// lasts is how long a login is good.
func lasts(l onboarding.Login, now time.Time) string {
	switch {
	case l.Disabled:
		return "disabled"
	case l.Expires.IsZero():
		return "for ever"
	case !now.Before(l.Expires):
		return "ended " + l.Expires.Format(time.DateOnly)
	}
	return "until " + l.Expires.Format(time.DateOnly)
}

// once is a heading for the first of several rows.
func once(name string, i int) string {
	if i > 0 {
		return ""
	}
	return name
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
