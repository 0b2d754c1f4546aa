package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/leaving"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/spf13/cobra"
)

// userLeaveCommands are the commands of 'jadm user' about people who leave.
func (p *program) userLeaveCommands() []*cobra.Command {
	return []*cobra.Command{p.newUserLeaveCommand(), p.newUserReturnCommand()}
}

// leaveOptions are the flags of jadm user leave.
type leaveOptions struct {
	on, reason, to string
	archive, both  bool
	admins         []string
}

func (p *program) newUserLeaveCommand() *cobra.Command {
	o := &leaveOptions{}
	c := &cobra.Command{
		Use:   "leave ID --on DATE",
		Short: "Record that somebody leaves",
		Long: `Records that a person leaves, and tells what will happen when. Rounds do it: those of
jadm serve, or 'jadm leavers run'.

Some days before DATE there are notices to the person, to the supervisor and to members
of the person's project. From DATE on nothing can be pushed into the project; its images
are put into a bundle, which is read back, and are handed over: copied into the
supervisor's project (SUPERVISOR/from-ID/…), or into the archive. When the undelete
period is over they are removed from Harbor, and there is a certificate. Everything can
be had back before that, and for the same period after it: jadm user return ID.

For somebody of whom it is known that they leave, it changes the date, or who gets the
images.`,
		Example: `  jadm user leave 20260001 --on 2027-03-31
  jadm user leave 20260001 --on 2027-03-31 --dry-run
  jadm user leave 20260001 --to tanaka --admin lab-cfd=tanaka
  jadm user leave 20260001 --archive`,
		Args: wantArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return p.runLeave(cmd, o, args[0]) },
	}
	flags := c.Flags()
	flags.StringVar(&o.on, "on", "", "`DATE` from which nothing can be pushed, like 2027-03-31")
	flags.StringVar(&o.reason, "reason", "", "`WORDS` for the notices, the certificate and the audit log")
	flags.StringVar(&o.to, "to", "", "`ID` of who gets the images, instead of the supervisor that the directory names")
	flags.BoolVar(&o.archive, "archive", false, "put the images into the archive, and give them to nobody")
	flags.BoolVar(&o.both, "both", false, "give the images to somebody, and put them into the archive")
	flags.StringArrayVar(&o.admins, "admin", nil, "`PROJECT=ID`: who becomes admin of a shared project on that day (can be repeated)")
	c.MarkFlagsMutuallyExclusive("archive", "both")
	c.MarkFlagsMutuallyExclusive("archive", "to")
	return c
}

// order is what the arguments say.
func (o *leaveOptions) order(id string) (leaving.Order, error) {
	const next = "see 'jadm user leave --help'"
	order := leaving.Order{ID: id, By: actor(), Reason: o.reason, Choice: leaving.Choice{Receiver: o.to}}
	switch {
	case o.archive:
		order.Choice.HandOver = leaving.ToArchive
	case o.both:
		order.Choice.HandOver = leaving.ToBoth
	case o.to != "":
		order.Choice.HandOver = leaving.ToSupervisor
	}
	if o.on != "" {
		date, err := time.ParseInLocation(time.DateOnly, o.on, time.Local)
		if err != nil {
			return order, fault.Newf(errors.New("it is not like 2027-03-31"), next, "cannot understand the date %q", o.on)
		}
		order.Date = date
	}
	for _, text := range o.admins {
		project, admin, ok := strings.Cut(text, "=")
		if !ok || project == "" || admin == "" {
			return order, fault.Newf(errors.New("it is not like lab-cfd=tanaka"), next, "cannot understand --admin %q", text)
		}
		if order.Choice.Admins == nil {
			order.Choice.Admins = map[string]string{}
		}
		order.Choice.Admins[project] = admin
	}
	return order, nil
}

func (p *program) runLeave(cmd *cobra.Command, o *leaveOptions, id string) error {
	order, err := o.order(id)
	if err != nil {
		return err
	}
	office, err := p.office()
	if err != nil {
		return err
	}
	now := clock()
	var d *leaving.Departure
	if p.dryRun {
		d, err = office.Plan(cmd.Context(), now, order)
	} else {
		d, err = office.Leave(cmd.Context(), now, order)
	}
	if err != nil {
		return err
	}
	return p.printDeparture(cmd.OutOrStdout(), d, now, nil)
}

func (p *program) newUserReturnCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "return ID",
		Short: "Give somebody who does not leave everything back",
		Long: `Cancels that somebody leaves. What has been done is undone: rights are as they were,
and images that were removed come back from the bundle, with their digests and tags.
After the undelete period it is too late, and the bundle may still be in the archive.

Robots that were removed cannot come back, because Harbor does not tell their secrets:
make a new login with 'jadm user add ID'.`,
		Example: `  jadm user return 20260001
  jadm user return 20260001 --dry-run`,
		Args: wantArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.runReturn(cmd.Context(), cmd.OutOrStdout(), args[0])
		},
	}
}

func (p *program) runReturn(ctx context.Context, out io.Writer, id string) error {
	office, err := p.office()
	if err != nil {
		return err
	}
	now := clock()
	if p.dryRun {
		d, err := office.PlanReturn(now, id, actor())
		if err != nil {
			return err
		}
		return p.printDeparture(out, d, now, nil)
	}
	if _, err := office.Return(now, id, actor()); err != nil {
		return err
	}
	failed := office.Work(ctx, now, id)
	d, err := office.Departure(id)
	if err != nil {
		return errors.Join(failed, err)
	}
	if err := p.printDeparture(out, d, now, nil); err != nil {
		return err
	}
	if failed != nil {
		return fault.Newf(failed, "it goes on in the next round; to try it now: jadm leavers run "+id, "not everything is given back yet")
	}
	if d.Stage == leaving.Returned && !d.RemoveAt.IsZero() && !p.json {
		_, err = fmt.Fprintf(out, "\nThe login of the compute servers was removed; make a new one: jadm user add %s\n", printable.Line(id))
	}
	return err
}
