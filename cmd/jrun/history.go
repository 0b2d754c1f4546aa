package main

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/provenance"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/jrun-hpc/jrun/shellword"
	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"
)

const (
	defaultHistory = 20 // jobs
	commandWidth   = 60 // characters of a command in a table
)

func newHistoryCommand(g *globalOptions) *cobra.Command {
	var asJSON bool
	var limit int
	cmd := &cobra.Command{
		Use:   "history [flags] [IMAGE]",
		Short: "List what your jobs have run",
		Long: `List what your jobs have run, the newest first: all, or those that ran IMAGE, which
is a name, a digest or the beginning of one. The records are in the store, and
docs/provenance.md says what is in them.`,
		Example:           "  jrun history\n  jrun history --limit 5 harbor.example.ac.jp/lab/python:3\n  jrun history --json --limit 0 >runs.json",
		Args:              wantArgs(cobra.MaximumNArgs(1)),
		ValidArgsFunction: g.completeImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := g.open()
			if err != nil {
				return err
			}
			if limit < 0 {
				return fault.New("cannot show fewer than no jobs", nil, "--limit 0 shows all")
			}
			wanted := func(provenance.Record) bool { return true }
			if len(args) == 1 {
				if wanted, err = s.ranImage(args[0]); err != nil {
					return err
				}
			}
			if limit == 0 {
				limit = math.MaxInt
			}
			jobs, err := s.book().Latest(limit, wanted)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), jobs)
			}
			return printHistory(cmd.OutOrStdout(), jobs)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, all fields")
	cmd.Flags().IntVar(&limit, "limit", defaultHistory, "show at most `N` jobs; 0 for all")
	return cmd
}

func (s *session) book() provenance.Book {
	return provenance.Book{Store: s.store, Warn: func(err error) { s.report.warn(fault.TextOf(err)) }}
}

// ranImage tells whether a record is of the image that name means.
func (s *session) ranImage(name string) (func(provenance.Record) bool, error) {
	canonical := name
	ref, err := image.ParseReference(name)
	if err == nil {
		canonical, err = s.client.Canonical(ref)
	}
	if err != nil && !isDigestHead(name) {
		return nil, err
	}
	return func(r provenance.Record) bool {
		return r.Image.Name == name || r.Image.Reference == canonical ||
			isDigestHead(name) && (matchesDigest(r.Image.Digest.String(), name) || matchesDigest(r.Image.Resolved.String(), name))
	}, nil
}

// isDigestHead reports whether name can be the beginning of a digest.
func isDigestHead(name string) bool {
	d := digest.Digest(name)
	if d.Validate() == nil {
		return true
	}
	const algorithm = "sha256:"
	hex := name
	if len(name) > len(algorithm) && name[:len(algorithm)] == algorithm {
		hex = name[len(algorithm):]
	}
	return len(hex) >= shortestPrefix && isHex(hex)
}

func printHistory(out io.Writer, jobs []provenance.Job) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "JOB\tWHEN\tIMAGE\tDIGEST\tCOMMAND")
	for _, j := range jobs {
		r := j.Last()
		more := ""
		if n := len(j.Runs) - 1; n > 0 {
			more = fmt.Sprintf(" (and %d more)", n)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s%s\n", shellword.Show(j.Job), r.Started.Local().Format(time.DateTime), familiar(r),
			digestWord(r.Image.Digest), printable.CutRunes(commandOf(r), commandWidth), more)
	}
	return table.Flush()
}

// familiar is the image's name as a person wrote it, or shorter.
func familiar(r provenance.Record) string {
	if ref, err := image.ParseReference(r.Image.Reference); err == nil {
		return shellword.Show(ref.Familiar())
	}
	return shellword.Show(r.Image.Name)
}

// commandOf is the command of a run, for people.
func commandOf(r provenance.Record) string {
	if r.Command.Shell {
		return "(shell)"
	}
	return shellword.ShowLine(r.Command.Words())
}

// digestWord is enough of a digest for a person.
func digestWord(d digest.Digest) string {
	if d == "" {
		return "(unknown)"
	}
	return shortDigest(d.String())
}

// chooseRun is the run of a job that --run means: the only one, or a number.
func chooseRun(j provenance.Job, number int, command string) (provenance.Record, error) {
	switch {
	case number == 0 && len(j.Runs) == 1:
		return j.Runs[0], nil
	case number >= 1 && number <= len(j.Runs):
		return j.Runs[number-1], nil
	}
	list := ""
	for i, r := range j.Runs {
		list += fmt.Sprintf("\n        %d  %s  %s  %s", i+1, r.Started.Local().Format(time.DateTime), familiar(r), printable.CutRunes(commandOf(r), commandWidth))
	}
	if number != 0 {
		return provenance.Record{}, fault.Newf(fault.Because("it has %d:%s", len(j.Runs), list),
			fault.Say("choose one: %s --run N %s", command, shellword.Show(j.Job)), "the job %s has no run %d", j.Job, number)
	}
	return provenance.Record{}, fault.Newf(fault.Because("it ran several things:%s", list),
		fault.Say("choose one: %s --run N %s", command, shellword.Show(j.Job)), "cannot tell which run of the job %s is meant", j.Job)
}

// completeJobs offers ids of the latest jobs.
func (g *globalOptions) completeJobs(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	const most = 50
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	s, err := g.open()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	jobs, _ := provenance.Book{Store: s.store}.Latest(most, func(r provenance.Record) bool {
		return len(begun) <= len(r.Job) && r.Job[:len(begun)] == begun
	})
	var ids []string
	for _, j := range jobs {
		ids = append(ids, j.Job+"\t"+printable.CutRunes(familiar(j.Last())+" "+commandOf(j.Last()), commandWidth))
	}
	return ids, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}
