package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/jrun-hpc/jrun/quantity"
	"github.com/spf13/cobra"
)

func (p *program) newAuditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "See what was done, and that nobody has changed the record of it",
		Long: `Every act of jadm that changes anything is in the audit log before it is done, and
how it ended after. The log is audit.jsonl in the state directory; each entry has the
hash of the one before it.

Who can write to the log can write all of it anew. Therefore keep its head somewhere
else now and then: in the journal, in a mail, on another machine.`,
		Example: "  jadm audit show --since 7d\n  jadm audit verify",
		Args:    wantArgs(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.newAuditShowCommand(), p.newAuditVerifyCommand(), p.newAuditHeadCommand(), p.newAuditRotateCommand())
	return cmd
}

// auditLog is where the log is.
func (p *program) auditLog() (string, error) {
	s, err := p.settings()
	if err != nil {
		return "", err
	}
	return auditFile(s), nil
}

// auditFilter are the flags of jadm audit show.
type auditFilter struct {
	since                         string
	subject, action, actor, state string
}

func (p *program) newAuditShowCommand() *cobra.Command {
	var f auditFilter
	cmd := &cobra.Command{
		Use:   "show",
		Short: "List what was done",
		Long: `List acts, the oldest first: when, by whom, what, to what, and how it ended. An act
that is "begun" was interrupted, or is under way.

With --json each line is an entry of the log; an act has two.`,
		Example: `  jadm audit show --since 7d
  jadm audit show --subject u001
  jadm audit show --action lease. --outcome failed
  jadm audit show --actor suzuki --since 2027-04-01 --json`,
		Args: wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.runAuditShow(cmd.OutOrStdout(), f, clock()) },
	}
	cmd.Flags().StringVar(&f.since, "since", "", "only what was begun since `TIME`: a date, or an age such as 7d")
	cmd.Flags().StringVar(&f.subject, "subject", "", "only what was done to something whose name contains `WORD`")
	cmd.Flags().StringVar(&f.action, "action", "", "only acts whose name begins with `WORD`: project.create, image.")
	cmd.Flags().StringVar(&f.actor, "actor", "", "only what somebody did whose name contains `WORD`")
	cmd.Flags().StringVar(&f.state, "outcome", "", "only what is `begun|done|failed`")
	return cmd
}

// sinceTime reads a date or an age.
func sinceTime(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", time.RFC3339} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	var age quantity.Age
	if err := age.Set(text); err != nil {
		return time.Time{}, fault.Newf(errors.New("it is neither a date nor an age"), "write --since 2027-04-01, or --since 7d", "cannot understand the time %q", text)
	}
	return now.Add(-time.Duration(age)), nil
}

func (f auditFilter) check() error {
	switch f.state {
	case "", audit.Begun, audit.Done, audit.Failed:
		return nil
	}
	return fault.Newf(errors.New("outcomes are begun, done and failed"), "see 'jadm audit show --help'", "cannot understand the outcome %q", f.state)
}

func (f auditFilter) matches(e audit.Entry) bool {
	return strings.Contains(strings.ToLower(e.Subject), strings.ToLower(f.subject)) && strings.HasPrefix(e.Action, f.action) &&
		strings.Contains(strings.ToLower(e.Actor), strings.ToLower(f.actor))
}

func (p *program) runAuditShow(out io.Writer, f auditFilter, now time.Time) error {
	if err := f.check(); err != nil {
		return err
	}
	since, err := sinceTime(f.since, now)
	if err != nil {
		return err
	}
	file, err := p.auditLog()
	if err != nil {
		return err
	}
	// An act is shown once, where it was begun, as it ended.
	var acts []audit.Entry
	at := map[string]int{}
	for e, err := range audit.Entries(file) {
		if err != nil {
			return fault.New("cannot read the audit log", err, "run jadm as the account that owns "+file)
		}
		if e.Outcome == audit.Begun {
			if e.Time.Before(since) || !f.matches(e) {
				continue
			}
			at[e.ID] = len(acts)
			acts = append(acts, e)
			continue
		}
		if i, ok := at[e.ID]; ok {
			acts[i].Outcome, acts[i].Error = e.Outcome, e.Error
			delete(at, e.ID)
		}
	}
	return p.printActs(out, f, acts)
}

func (p *program) printActs(out io.Writer, f auditFilter, acts []audit.Entry) error {
	shown := []audit.Entry{}
	for _, e := range acts {
		if f.state == "" || e.Outcome == f.state {
			shown = append(shown, e)
		}
	}
	if p.json {
		return printJSON(out, shown)
	}
	if len(shown) == 0 {
		_, err := fmt.Fprintln(out, "nothing")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TIME\tBY\tACT\tTO\tOUTCOME\tWHY")
	for _, e := range shown {
		why := e.Reason
		if e.Error != "" {
			why = e.Error
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", e.Time.Local().Format("2006-01-02 15:04:05"), printable.Line(e.Actor), printable.Line(e.Action), printable.Line(e.Subject), printable.Line(e.Outcome), printable.Line(why))
	}
	return w.Flush()
}

func (p *program) newAuditVerifyCommand() *cobra.Command {
	var expect []string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check that nobody has changed the audit log",
		Long: `Read the whole log, all its files, and check that each entry is as it was written, that
none is missing between or before, and that the end is where it was noted to be. With
--expect also check that it has an entry whose number and hash were kept elsewhere.`,
		Example: `  jadm audit verify
  jadm audit verify --expect 1042:93f1c0…   # what jadm audit head printed last month
  jadm audit verify --json`,
		Args: wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.runAuditVerify(cmd.OutOrStdout(), expect) },
	}
	cmd.Flags().StringArrayVar(&expect, "expect", nil, "`NUMBER:HASH` that was kept elsewhere; more than once for several")
	return cmd
}

func (p *program) runAuditVerify(out io.Writer, expect []string) error {
	var heads []audit.Head
	for _, text := range expect {
		h, err := audit.ParseHead(text)
		if err != nil {
			return fault.New("cannot understand --expect", err, "give what jadm audit head has printed")
		}
		heads = append(heads, h)
	}
	file, err := p.auditLog()
	if err != nil {
		return err
	}
	r, err := audit.VerifyFiles(file, heads...)
	if err != nil {
		return fault.New("cannot read the audit log", err, "run jadm as the account that owns "+file)
	}
	if p.json {
		err = printJSON(out, struct {
			OK bool `json:"ok"`
			audit.Report
		}{r.OK(), r})
	} else {
		err = printVerified(out, r)
	}
	if err == nil && !r.OK() {
		err = errReported
	}
	return err
}

func printVerified(out io.Writer, r audit.Report) error {
	for _, e := range r.Interrupted {
		fmt.Fprintf(out, "interrupted, or under way: entry %d, %s of %s at %s\n", e.Number, printable.Line(e.Action), printable.Line(e.Subject), e.Time.Local().Format("2006-01-02 15:04:05"))
	}
	if r.Torn > 0 {
		fmt.Fprintf(out, "%d bytes at the end are half an entry, which was never acknowledged: a power cut, or an entry just now\n", r.Torn)
	}
	for _, problem := range r.Problems {
		fmt.Fprintln(out, "WRONG: "+printable.Text(problem.String()))
	}
	if r.More > 0 {
		fmt.Fprintf(out, "WRONG: and %d more\n", r.More)
	}
	switch {
	case !r.OK():
		_, err := fmt.Fprintf(out, "the audit log is not as it was written (%d entries in %d files)\n", r.Entries, len(r.Files))
		return err
	case r.Entries == 0:
		_, err := fmt.Fprintln(out, "there is no entry yet")
		return err
	}
	_, err := fmt.Fprintf(out, "%d entries in %d files, from %s to %s, are as they were written\nhead: %s\n",
		r.Entries, len(r.Files), r.First.Local().Format(time.DateOnly), r.Last.Local().Format(time.DateOnly), r.Head)
	return err
}

func (p *program) newAuditHeadCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "head",
		Short: "Print number and hash of the last entry, to be kept elsewhere",
		Long: `Print NUMBER:HASH of the last entry. Kept where jadm's account cannot write, it
proves later that everything up to this entry is still there: jadm audit verify --expect.`,
		Example: `  jadm audit head | logger -t jadm-audit
  jadm audit head | ssh other-host 'cat >> jadm-heads'`,
		Args: wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := p.auditLog()
			if err != nil {
				return err
			}
			head, err := audit.Open(file, actor()).Head()
			if err != nil {
				return fault.New("cannot read the end of the audit log", err, "see what is wrong: jadm audit verify")
			}
			if head.Number == 0 {
				return fault.New("the audit log has no entry yet", nil, "do something first: jadm apply")
			}
			if p.json {
				return printJSON(cmd.OutOrStdout(), head)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), head)
			return err
		},
	}
}

func (p *program) newAuditRotateCommand() *cobra.Command {
	size, now := quantity.Bytes(64<<20), false
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Begin a new file of the audit log, if it is time to",
		Long: `Give the newest file of the log a number, and begin a new one, when it has grown or was
begun in an earlier year. The chain goes on through the files. Do not move the numbered
ones away without keeping them: jadm audit verify reads them all.`,
		Example: "  jadm audit rotate                # from a timer\n  jadm audit rotate --size 10MB\n  jadm audit rotate --now",
		Args:    wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := p.auditLog()
			if err != nil {
				return err
			}
			r := audit.Rotation{Bytes: int64(size), Yearly: true, Now: now}
			log := audit.Open(file, actor())
			var name string
			if p.dryRun {
				name, err = log.RotationDue(r)
			} else {
				name, err = log.Rotate(r)
			}
			if err != nil {
				return err
			}
			return p.printRotated(cmd.OutOrStdout(), name)
		},
	}
	cmd.Flags().Var(&size, "size", "begin a new file when this one is larger than `SIZE`")
	cmd.Flags().BoolVar(&now, "now", false, "begin a new file in any case")
	return cmd
}

func (p *program) printRotated(out io.Writer, name string) error {
	if p.json {
		return printJSON(out, map[string]string{"file": name})
	}
	text := "there is nothing to do"
	if name != "" {
		text = "older entries are in " + name
		if p.dryRun {
			text = "older entries would be in " + name
		}
	}
	_, err := fmt.Fprintln(out, text)
	return err
}
