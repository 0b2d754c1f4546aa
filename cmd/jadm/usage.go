package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/usage"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/spf13/cobra"
)

func (p *program) newUsageCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "usage [flags] [PROJECT]",
		Short: "Show which images jobs use",
		Long: `Show when jobs last used which image, by project: as their records and leases in the
store tell. Nothing is collected by this; 'jadm serve' does, and 'jadm usage collect'.`,
		Example: "  jadm usage\n  jadm usage lab --json",
		Args:    wantArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			book, err := p.book()
			if err != nil {
				return err
			}
			return p.printUsage(cmd.OutOrStdout(), book, args)
		},
	}
	cmd.AddCommand(p.newUsageCollectCommand(), p.newUsageKeepAliveCommand(), p.newUsageRecordsCommand())
	return cmd
}

// book is what is known of images' use. Whose reports count is asked of Harbor.
func (p *program) book() (usage.Book, error) {
	d, err := p.desk()
	if err != nil {
		return usage.Book{}, err
	}
	client, err := p.harbor()
	if err != nil {
		return usage.Book{}, err
	}
	directory, err := p.stayers()
	if err != nil {
		return usage.Book{}, err
	}
	return usage.Book{
		Dir: d.state, Registry: d.Harbor.Host(), Names: d.Usage.Names, Rights: &rights{client: client, directory: directory}, Acts: d.audit,
		PinsPerUser: d.Usage.PinsPerUser,
	}, nil
}

type usageLine struct {
	usage.Image
	usage.Use
}

func (p *program) printUsage(out io.Writer, book usage.Book, args []string) error {
	projects := args
	if len(args) == 0 {
		var err error
		if projects, err = book.Projects(); err != nil {
			return err
		}
	}
	lines := []usageLine{}
	for _, project := range projects {
		repositories, err := book.Uses(project)
		if err != nil {
			return err
		}
		for repository, digests := range repositories {
			for d, use := range digests {
				lines = append(lines, usageLine{usage.Image{Project: project, Repository: repository, Digest: d}, use})
			}
		}
	}
	slices.SortFunc(lines, func(a, b usageLine) int {
		if c := b.Last.Compare(a.Last); c != 0 {
			return c
		}
		return strings.Compare(a.String(), b.String())
	})
	if p.json {
		return printJSON(out, lines)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "LAST USED\tIMAGE\tDIGEST\tUSERS\tHARBOR WAS TOLD")
	for _, l := range lines {
		told := ""
		if !l.Touched.IsZero() {
			told = l.Touched.Local().Format(time.DateTime)
		}
		if l.Blocked != "" {
			told = l.Blocked
		}
		fmt.Fprintf(table, "%s\t%s/%s\t%s\t%d\t%s\n", l.Last.Local().Format(time.DateTime), printable.Line(l.Project), printable.Line(l.Repository), short(l.Digest.String()), len(l.By), printable.Line(told))
	}
	return table.Flush()
}

// short is enough of a digest for a person.
func short(d string) string { return d[:min(len(d), len("sha256:")+12)] }

// errNoStore says what jadm.toml lacks.
var errNoStore = fault.New("there is no store to read reports from", errors.New("jadm.toml names none"), "write it there, as in jrun.toml:\n[store]\npath = \"/lustre/jrun\"")

func (p *program) newUsageCollectCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "collect",
		Short: "Take up what jobs have left in the store",
		Long: `Take up what jobs have left in the site's part of the store: what they used, records,
and requests to pin. 'jadm serve' does this every few minutes.`,
		Example: "  jadm usage collect",
		Args:    wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.dryRun {
				return p.dryCollect(cmd.OutOrStdout())
			}
			collected, err := p.collect(cmd.Context())
			if err != nil {
				return err
			}
			if p.json {
				return printJSON(cmd.OutOrStdout(), collected)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d uses, %d records, %d pins; %d of other registries, %d refused, %d waiting\n",
				collected.Uses, collected.Records, collected.Pins, collected.Foreign, collected.Refused, collected.Waiting)
			return err
		},
	}
}

// dryCollect counts what would be taken up. What of it counts is for Harbor to say then.
func (p *program) dryCollect(out io.Writer) error {
	s, err := p.settings()
	if err != nil {
		return err
	}
	if s.Store.Path == "" {
		return errNoStore
	}
	n, err := store.CountReports(s.Store.Path)
	if err != nil {
		return err
	}
	if p.json {
		return printJSON(out, map[string]int{"reports": n})
	}
	_, err = fmt.Fprintf(out, "%d reports would be taken up\n", n)
	return err
}

// collect reads reports, and the leases on the site's objects.
func (p *program) collect(ctx context.Context) (usage.Collected, error) {
	s, err := p.settings()
	if err != nil {
		return usage.Collected{}, err
	}
	if s.Store.Path == "" {
		return usage.Collected{}, errNoStore
	}
	book, err := p.book()
	if err != nil {
		return usage.Collected{}, err
	}
	return book.CollectStore(ctx, s.Store.Path, clock())
}

func (p *program) newUsageKeepAliveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "keep-alive",
		Short: "Tell Harbor what is in use",
		Long: `Get the manifest of every image that jobs have used since the last time, once a day at
most, so that Harbor's pull times are true: jobs themselves only ask with HEAD, which
does not count. 'jadm serve' does this every hour.`,
		Example: "  jadm usage keep-alive --dry-run\n  jadm usage keep-alive",
		Args:    wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			book, err := p.book()
			if err != nil {
				return err
			}
			client, err := p.harbor()
			if err != nil {
				return err
			}
			kept, err := book.KeepAlive(cmd.Context(), client, clock(), p.dryRun)
			if p.json {
				return errors.Join(printJSON(cmd.OutOrStdout(), kept), err)
			}
			out := cmd.OutOrStdout()
			for _, image := range kept.Gone {
				fmt.Fprintf(out, "used, and not in Harbor any more: %s\n", image)
			}
			for _, image := range kept.Blocked {
				fmt.Fprintf(out, "used, and a rule of the project forbids to pull it: %s\n", image)
			}
			word := "told Harbor of"
			if p.dryRun {
				word = "would tell Harbor of"
			}
			fmt.Fprintf(out, "%s %d images\n", word, len(kept.Touched))
			return err
		},
	}
}

func (p *program) newUsageRecordsCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "records UID",
		Short:   "Print the records of a user's jobs",
		Long:    "Print what a user's jobs have run, as far as the site was told: one JSON object a line,\nwhose fields docs/provenance.md explains. UID is the number of the account (id -u NAME).",
		Example: "  jadm usage records 1003 >records.jsonl",
		Args:    wantArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			uid, err := strconv.Atoi(args[0])
			if err != nil {
				return fault.Newf(err, "jadm usage records \"$(id -u "+args[0]+")\"", "%q is no number of an account", args[0])
			}
			book, err := p.book()
			if err != nil {
				return err
			}
			for record, err := range book.Records(uid) {
				if err != nil {
					return err
				}
				line, err := record.Encode()
				if err != nil {
					return err
				}
				if _, err := cmd.OutOrStdout().Write(line); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
