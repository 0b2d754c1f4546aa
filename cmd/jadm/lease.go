package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/notice"
	"github.com/jrun-hpc/jrun/image/lifecycle/vmlease"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/spf13/cobra"
)

func (p *program) newLeaseCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lease",
		Short: "Keep what is on personal VMs from being lost when these end",
		Long: `Users make images on VMs that a portal lends them for a while. jbuild tells 'jadm
serve' which workspaces on them are not uploaded; the portal, or a file from it, tells
when the VMs end ([lease] in jadm.toml).

jadm serve does 'warn' and 'sweep' several times a day; without it let a timer do so.
Neither touches a VM or what is on it.`,
		Example: "  jadm lease list\n  jadm lease warn --dry-run",
		Args:    wantArgs(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.newLeaseListCommand(), p.newLeaseWarnCommand(), p.newLeaseSweepCommand())
	return cmd
}

// leaseBox is a notice.Post for package vmlease.
type leaseBox struct{ post *notice.Post }

// Send implements vmlease.Post.
func (b leaseBox) Send(ctx context.Context, l vmlease.Letter) (bool, error) {
	return b.post.Send(ctx, notice.Letter(l))
}

// leasePost looks people up and sends them letters.
func (p *program) leasePost(k *vmlease.Keeper) error {
	directory, err := p.directory()
	if err != nil {
		return err
	}
	post, err := p.post()
	if err != nil {
		return err
	}
	k.People, k.Post = directory, leaseBox{post}
	return nil
}

// leaseKeeper is what the commands about leases work with.
func (p *program) leaseKeeper() (*vmlease.Keeper, error) {
	d, err := p.desk()
	if err != nil {
		return nil, err
	}
	l := &d.Lease
	client, err := httpClient(l.CAFile)
	if err != nil {
		return nil, fault.Newf(err, "correct lease.ca_file in jadm.toml", "cannot ask for leases")
	}
	source, err := vmlease.FromSettings(l, client)
	if err != nil {
		return nil, err
	}
	days := func(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }
	return &vmlease.Keeper{
		Source: source, State: d.state, Audit: d.audit, Rules: vmlease.Rules{Days: l.WarnDays, Remind: l.Remind}, Zone: l.Location(),
		Forget: days(l.ForgetDays), Old: days(l.ReportDays),
		Extend: vmlease.Extension{Command: l.ExtendCommand, By: days(l.ExtendDays), Most: l.ExtendMost}, DryRun: p.dryRun,
	}, nil
}

func (p *program) newLeaseListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List VMs, when they end, and what on them is not uploaded",
		Long: `List VMs that are there, those that end first before others: whose they are, when they
end, how many workspaces on them are reported as not uploaded, and when somebody was
last written to about this end.`,
		Example: "  jadm lease list\n  jadm lease list --json",
		Args:    wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			k, err := p.leaseKeeper()
			if err != nil {
				return err
			}
			now := clock()
			all, err := k.List(cmd.Context(), now)
			if err != nil {
				return leaseFault(err)
			}
			if p.json {
				if all == nil {
					all = []vmlease.Standing{}
				}
				return printJSON(cmd.OutOrStdout(), all)
			}
			return printLeases(cmd.OutOrStdout(), all, now)
		},
	}
}

// leaseFault says what to do when leases cannot be read.
func leaseFault(err error) error {
	return fault.New("cannot see to leases", err, "look at [lease] in jadm.toml, and at what it names")
}

func printLeases(out io.Writer, all []vmlease.Standing, now time.Time) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(out, "there are no leases")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "VM\tOWNER\tENDS\tLEFT\tNOT UPLOADED\tWRITTEN TO")
	for _, s := range all {
		written := ""
		if n := len(s.Warned); n > 0 {
			written = s.Warned[n-1].At.Local().Format(time.DateOnly)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", printable.Line(s.VM), printable.Line(cmp.Or(s.Owner, "-")), endText(s.Ends), leftText(s.Lease, now), lostText(s.Concerns), written)
	}
	return w.Flush()
}

func endText(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Local().Format("2006-01-02 15:04")
}

func leftText(l vmlease.Lease, now time.Time) string {
	left := l.Ends.Sub(now)
	switch {
	case l.Ends.IsZero():
		return ""
	case left <= 0:
		return "over"
	case left < 48*time.Hour:
		return fmt.Sprintf("%d h", int(left.Hours()))
	}
	return fmt.Sprintf("%d d", int(left.Hours())/24)
}

// lostText names what would be lost, by user.
func lostText(all []vmlease.Concern) string {
	var parts []string
	reported := false
	for _, c := range all {
		reported = reported || c.Reported
		if len(c.Lost) == 0 {
			continue
		}
		var names []string
		for _, l := range c.Lost {
			names = append(names, l.Name)
		}
		text := c.User + ": " + strings.Join(names, " ")
		if c.Elsewhere {
			text += " (on " + c.Lost[0].Host + "?)"
		}
		parts = append(parts, printable.Line(text))
	}
	switch {
	case len(parts) > 0:
		return strings.Join(parts, "; ")
	case reported:
		return "nothing"
	}
	return "no report"
}

func (p *program) newLeaseWarnCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "warn",
		Short: "Write to those whose VM ends with something that is not uploaded",
		Long: `Write to those who would lose something, on each of the days before the end that
lease.warn_days names, and once more when the lease is over and the disk is not gone.
Who has worked on another one's VM gets a letter of their own. With lease.remind those
get a short one who would lose nothing.

What was sent is remembered: run it as often as you like. Run it each day.`,
		Example: "  jadm lease warn --dry-run\n  jadm lease warn",
		Args:    wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			k, err := p.leaseKeeper()
			if err != nil {
				return err
			}
			if !p.dryRun {
				if err := p.leasePost(k); err != nil {
					return err
				}
			}
			warnings, err := k.Warn(cmd.Context(), clock())
			if printErr := p.printWarnings(cmd.OutOrStdout(), warnings); printErr != nil {
				return errors.Join(err, printErr)
			}
			if err != nil {
				return fault.New("not all that was to be done is done", err, "run it again: what was sent is not sent twice")
			}
			return nil
		},
	}
}

func (p *program) printWarnings(out io.Writer, all []vmlease.Warning) error {
	if p.json {
		if all == nil {
			all = []vmlease.Warning{}
		}
		return printJSON(out, all)
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(out, "nobody has to be written to")
		return err
	}
	for _, w := range all {
		did := "had been written to before"
		switch {
		case w.Error != "":
			did = "could not be written to: " + w.Error
		case p.dryRun:
			did = "would be written to"
		case w.Sent:
			did = "was written to"
		}
		about := "a reminder"
		if len(w.Lost) > 0 {
			about = fmt.Sprintf("%d not uploaded", len(w.Lost))
		}
		if _, err := fmt.Fprintf(out, "%s (%s, ends %s, %s) %s\n", printable.Line(w.User), printable.Line(w.VM), endText(w.Ends), about, printable.Line(did)); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) newLeaseSweepCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "sweep",
		Short: "See to VMs that have ended, and forget those that are gone",
		Long: `Say which leases are over with something that is not uploaded, while the disk is still
there; extend those about to end with the site's own command, if jadm.toml has one
(lease.extend_command); and forget what was reported from VMs that are gone.

A list of leases that cannot be read to its end, or that is empty all at once, makes it
forget nothing. Nothing on any VM is touched.`,
		Example: "  jadm lease sweep --dry-run\n  jadm lease sweep",
		Args:    wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			k, err := p.leaseKeeper()
			if err != nil {
				return err
			}
			swept, err := k.Sweep(cmd.Context(), clock())
			if printErr := p.printSwept(cmd.OutOrStdout(), swept); printErr != nil {
				return errors.Join(err, printErr)
			}
			if err != nil {
				return leaseFault(err)
			}
			return nil
		},
	}
}

func (p *program) printSwept(out io.Writer, swept vmlease.Swept) error {
	if p.json {
		return printJSON(out, swept)
	}
	would := ""
	if p.dryRun {
		would = "would be "
	}
	for _, s := range swept.Ended {
		warned := "nobody was written to"
		if n := len(s.Warned); n > 0 {
			warned = "last letter " + s.Warned[n-1].At.Local().Format(time.DateOnly)
		}
		fmt.Fprintf(out, "over since %s, not uploaded: %s of %s (%s; %s)\n", endText(s.Ends), printable.Line(s.VM), printable.Line(cmp.Or(s.Owner, "nobody")), lostText(s.Concerns), warned)
	}
	for _, e := range swept.Extended {
		fmt.Fprintf(out, "%sextended until %s: %s of %s\n", would, endText(e.Until), printable.Line(e.VM), printable.Line(e.Owner))
	}
	for _, f := range swept.Forgotten {
		fmt.Fprintf(out, "%sforgotten: the report of %s from %s, %d not uploaded (%s)\n", would, printable.Line(f.User), printable.Line(f.Host), len(f.Workspaces), printable.Line(f.Why))
	}
	if len(swept.Ended)+len(swept.Extended)+len(swept.Forgotten) == 0 {
		_, err := fmt.Fprintln(out, "there is nothing to do")
		return err
	}
	return nil
}
