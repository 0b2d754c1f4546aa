package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/desired"
	"github.com/jrun-hpc/jrun/image/lifecycle/leaving"
	"github.com/jrun-hpc/jrun/image/lifecycle/retention"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/jrun-hpc/jrun/quantity"
	"github.com/spf13/cobra"
)

type retainOptions struct {
	projects []string
	all      bool
}

func (p *program) newRetainCommand() *cobra.Command {
	var o retainOptions
	cmd := &cobra.Command{
		Use:   "retain [flags]",
		Short: "Remove what no rule keeps",
		Long: `Remove what no rule keeps, from Harbor and from the site's part of the store: the tags
first; and what nothing has kept for undelete_for after that for good. Until then
'jadm retain undo' puts it back. Rules are in desired.toml, and for what that says nothing of in
jadm.toml ([usage.keep]); without any everything stays. What is cited keeps its last tag and its object.`,
		Example: "  jadm retain --dry-run --all\n  jadm retain --project lab",
		Args:    wantArgs(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.runRetain(cmd.Context(), cmd.OutOrStdout(), o) },
	}
	cmd.Flags().StringArrayVar(&o.projects, "project", nil, "only of the project `NAME`; may be repeated")
	cmd.Flags().BoolVar(&o.all, "all", false, "list what stays, too")
	cmd.AddCommand(p.newRetainUndoCommand())
	return cmd
}

// keeping is what is decided by the site about projects: read once, for all of them.
type keeping struct {
	*program
	file   *desired.File // nil where there is none
	owned  map[string]desired.Owned
	frozen []string // projects of people who leave
}

func (p *program) keeping() (*keeping, error) {
	s, err := p.settings()
	if err != nil {
		return nil, err
	}
	k := &keeping{program: p}
	if k.file, err = p.desired(); err != nil {
		return nil, err
	}
	if k.file != nil {
		if k.owned, err = desired.LoadOwned(state.Open(s.State)); err != nil {
			return nil, err
		}
	}
	k.frozen, _, err = leaving.FrozenIn(state.Open(s.State))
	return k, err
}

// rules are those of a project: those of desired.toml, or else of jadm.toml.
func (k *keeping) rules(project string) retention.Rules {
	if k.file != nil {
		if d, ok := k.file.Keep(project, k.owned[project].Person); ok {
			return retention.Rules{
				Last: d.Last, Hourly: d.Hourly, Daily: d.Daily, Weekly: d.Weekly, Monthly: d.Monthly, Yearly: d.Yearly,
				Within: time.Duration(d.Within), UsedWithin: time.Duration(d.UsedWithin), Pinned: d.Pinned, Tags: d.Tags,
			}
		}
	}
	u := k.loaded.Usage.Keep
	return retention.Rules{
		Last: u.Last, Hourly: u.Hourly, Daily: u.Daily, Weekly: u.Weekly, Monthly: u.Monthly, Yearly: u.Yearly,
		Within: age(u.Within), UsedWithin: age(u.UsedWithin), Pinned: u.Pinned, Tags: u.Tags,
	}
}

func age(a *quantity.Age) time.Duration {
	if a == nil {
		return 0
	}
	return time.Duration(*a)
}

// keeper applies rules to the site's Harbor and store.
func (p *program) keeper() (retention.Keeper, error) {
	s, err := p.settings()
	if err != nil {
		return retention.Keeper{}, err
	}
	book, err := p.book()
	if err != nil {
		return retention.Keeper{}, err
	}
	client, err := p.harbor()
	if err != nil {
		return retention.Keeper{}, err
	}
	k := retention.Keeper{
		Registry: client, Book: book, Dir: book.Dir, Acts: book.Acts,
		Safety:      retention.Safety{Grace: age(s.Usage.Grace), LongestJob: age(s.Usage.LongestJob)},
		UndeleteFor: age(s.Usage.UndeleteFor), IgnorePulls: s.Usage.IgnorePulls,
	}
	if s.Store.Path == "" {
		return k, nil
	}
	k.Objects = siteObjects(s)
	k.Reports, err = store.OpenReports(s.Store.Path)
	return k, err
}

// siteObjects opens a project's part of the store.
func siteObjects(s *settings.Settings) func(project string) (retention.Objects, error) {
	return func(project string) (retention.Objects, error) {
		st, err := store.OpenSite(s.Store.Path, store.Place{Registry: s.Harbor.Host(), Project: project})
		if err != nil {
			return nil, err
		}
		return retention.SiteObjects{Store: st}, nil
	}
}

// projectsOr are those that were named, or all that Harbor has.
func (p *program) projectsOr(ctx context.Context, named []string) ([]string, error) {
	if len(named) > 0 {
		return named, nil
	}
	client, err := p.harbor()
	if err != nil {
		return nil, err
	}
	// Who is nobody to Harbor, with a wrong password, is shown public projects and no error.
	if _, err := client.CurrentUser(ctx); err != nil {
		return nil, fmt.Errorf("asking Harbor who jadm is: %w", err)
	}
	all, err := harbor.All(client.Projects(ctx, ""))
	var names []string
	for _, project := range all {
		names = append(names, project.Name)
	}
	return names, err
}

// retained is what became of a project, for --json.
type retained struct {
	retention.Plan
	Result *retention.Result `json:"result,omitempty"`
	Error  string            `json:"error,omitempty"`
}

func (p *program) runRetain(ctx context.Context, out io.Writer, o retainOptions) error {
	if !p.dryRun {
		if _, err := p.collect(ctx); err != nil && !errors.Is(err, errNoStore) {
			return err
		}
	}
	k, err := p.keeper()
	if err != nil {
		return err
	}
	site, err := p.keeping()
	if err != nil {
		return err
	}
	projects, err := p.projectsOr(ctx, o.projects)
	if err != nil {
		return err
	}
	all := []retained{}
	var failed error
	for _, project := range projects {
		one, err := site.retain(ctx, k, project)
		if err != nil {
			one.Error = err.Error()
			failed = errors.Join(failed, fmt.Errorf("%s: %w", project, err))
		}
		all = append(all, one)
		if ctx.Err() != nil {
			break
		}
	}
	if p.json {
		return errors.Join(printJSON(out, all), failed)
	}
	if err := printRetained(out, all, o.all); err != nil {
		return err
	}
	if failed != nil {
		return fault.New("not all projects were seen to", failed, "correct what is named above and run it again: jadm retain")
	}
	return nil
}

func (k *keeping) retain(ctx context.Context, keeper retention.Keeper, project string) (retained, error) {
	one := retained{Plan: retention.Plan{Project: project}}
	if slices.Contains(k.frozen, project) {
		return one, nil // all of it goes into a bundle
	}
	now, rules := clock(), k.rules(project)
	var err error
	if one.Plan, err = keeper.Plan(ctx, project, rules, now); err != nil || k.dryRun {
		return one, err
	}
	if one.Removes() { // somebody may have begun to leave while others had their turn
		if k.frozen, _, err = leaving.FrozenIn(state.Open(k.loaded.State)); err != nil || slices.Contains(k.frozen, project) {
			return retained{Plan: retention.Plan{Project: project}}, err
		}
	}
	result, err := keeper.Apply(ctx, one.Plan, rules, now)
	one.Result = &result
	return one, err
}

func printRetained(out io.Writer, all []retained, withKept bool) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\tIMAGE\tDIGEST\tSIZE\tWHY")
	kept, removed, deleted, objects, purged := 0, 0, 0, 0, 0
	for _, one := range all {
		for _, v := range one.Verdicts {
			word := "remove"
			if v.Keep {
				word = "keep"
				kept++
			} else if v.Tag != "" {
				removed++
			}
			if v.Tag == "" && !v.Keep {
				word = "waits"
			}
			if withKept || !v.Keep {
				fmt.Fprintf(table, "%s\t%s/%s\t%s\t%s\t%s\n", word, printable.Line(one.Project), printable.Line(tagged(v.Item)), short(v.Digest.String()), quantity.Size(v.SizeBytes), printable.Line(strings.Join(v.Why, "; ")))
			}
		}
		for _, item := range one.Delete {
			deleted++
			fmt.Fprintf(table, "delete\t%s/%s\t%s\t%s\t%s\n", printable.Line(one.Project), printable.Line(tagged(item)), short(item.Digest.String()), quantity.Size(item.SizeBytes), "its time to be had back is over")
		}
		for _, v := range one.Objects {
			word := "discard"
			if v.Keep {
				word = "keep"
			} else {
				objects++
			}
			if withKept || !v.Keep {
				fmt.Fprintf(table, "%s\t%s (store)\t%s\t%s\t%s\n", word, printable.Line(one.Project), short(v.Digest.String()), quantity.Size(v.SizeBytes), printable.Line(v.Why))
			}
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	applied := false
	for _, one := range all {
		if one.Result == nil {
			continue
		}
		applied = true
		purged += one.Result.Purged
		for _, why := range one.Result.Spared {
			fmt.Fprintf(out, "spared %s/%s\n", printable.Line(one.Project), printable.Line(why))
		}
	}
	fmt.Fprintf(out, "%d tags and images kept; tags to remove: %d, images to delete for good: %d, objects to discard: %d\n", kept, removed, deleted, objects)
	switch {
	case applied:
		fmt.Fprintf(out, "done, but for what was spared; %d objects purged; jadm retain undo puts tags back\n", purged)
	case removed+deleted+objects > 0:
		fmt.Fprintln(out, "nothing was changed")
	}
	return nil
}

// tagged is an item's name without its digest, which has a column of its own.
func tagged(item retention.Item) string {
	if item.Tag == "" {
		return item.Repository + " (no tag)"
	}
	return item.Name()
}

func (p *program) newRetainUndoCommand() *cobra.Command {
	var projects []string
	cmd := &cobra.Command{
		Use:   "undo [flags] [REPOSITORY:TAG...]",
		Short: "Put back what rules have removed",
		Long: `Put tags back that 'jadm retain' has taken away, all or those that are named, with their
objects in the store: as long as the images are not deleted for good. They count as
pushed now; change the rules or pin them before the next time.`,
		Example: "  jadm retain undo --dry-run\n  jadm retain undo --project lab sim:2",
		RunE: func(cmd *cobra.Command, args []string) error {
			k, err := p.keeper()
			if err != nil {
				return err
			}
			names, err := p.projectsOr(cmd.Context(), projects)
			if err != nil {
				return err
			}
			wanted := func(item retention.Item) bool {
				for _, name := range args {
					if item.Name() == name {
						return true
					}
				}
				return len(args) == 0
			}
			return p.undo(cmd.Context(), cmd.OutOrStdout(), k, names, wanted)
		},
	}
	cmd.Flags().StringArrayVar(&projects, "project", nil, "only of the project `NAME`; may be repeated")
	return cmd
}

func (p *program) undo(ctx context.Context, out io.Writer, k retention.Keeper, projects []string, wanted func(retention.Item) bool) error {
	all := map[string]retention.Undone{}
	restored, failures := 0, 0
	for _, project := range projects {
		u, err := k.Undo(ctx, project, clock(), wanted, p.dryRun)
		if err != nil {
			return fmt.Errorf("%s: %w", project, err)
		}
		if len(u.Restored)+len(u.Failed) > 0 {
			all[project] = u
		}
		restored, failures = restored+len(u.Restored), failures+len(u.Failed)
		if p.json {
			continue
		}
		for _, item := range u.Restored {
			fmt.Fprintf(out, "%s/%s\n", printable.Line(project), printable.Line(item.Name()))
		}
		for _, why := range u.Failed {
			fmt.Fprintf(out, "not %s/%s\n", printable.Line(project), printable.Line(why))
		}
	}
	if p.json {
		return printJSON(out, all)
	}
	word := "put back"
	if p.dryRun {
		word = "would be put back"
	}
	fmt.Fprintf(out, "%d tags %s\n", restored, word)
	if failures > 0 {
		return fault.Newf(nil, "push them again from where they were made", "%d tags could not be put back", failures)
	}
	return nil
}
