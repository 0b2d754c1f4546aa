package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/quantity"
	"github.com/spf13/cobra"
)

// Where jrun.toml says nothing.
const (
	defaultUndeleteFor = 7 * 24 * time.Hour
)

// gcOptions are the flags of jrun gc.
type gcOptions struct {
	dryRun      bool
	json        bool
	site        bool
	maxSize     quantity.Bytes
	unusedFor   quantity.Age
	undeleteFor quantity.Age
	undelete    string
}

// gcReport is `jrun gc --json`.
type gcReport struct {
	DryRun          bool        `json:"dryRun"`
	Images          []gcImage   `json:"images"`
	Purged          []gcDeleted `json:"purged"`  // deleted earlier, and gone for good now
	Deleted         []gcDeleted `json:"deleted"` // can be had back
	Swept           []string    `json:"swept"`   // what interrupted conversions had left
	FreedBytes      int64       `json:"freedBytes"`
	UndeletableFor  string      `json:"undeletableFor"`
	RemovedBytes    int64       `json:"removedBytes"` // of the images that were removed; freed when they are purged
	RemovedCount    int         `json:"removedCount"`
	RemainingBytes  int64       `json:"remainingBytes"`
	RemainingImages int         `json:"remainingImages"`
}

type gcImage struct {
	Digest    string    `json:"digest"`
	SizeBytes int64     `json:"sizeBytes"`
	LastUsed  time.Time `json:"lastUsed"`
	Users     int       `json:"users"`
	Pinned    bool      `json:"pinned"`
	Removed   bool      `json:"removed"`
	Why       string    `json:"why"`
}

type gcDeleted struct {
	Digest    string    `json:"digest"`
	Time      time.Time `json:"time"`
	SizeBytes int64     `json:"sizeBytes"`
}

func newGCCommand(g *globalOptions) *cobra.Command {
	o := gcOptions{undeleteFor: quantity.Age(defaultUndeleteFor)}
	cmd := &cobra.Command{
		Use:   "gc [flags]",
		Short: "Remove images that nobody uses",
		Long: `Remove images from the store: those unused for too long, and, while the store is
larger than it may be, the least recently used. Images of running jobs and pinned
ones stay. What interrupted conversions left goes, too. Without flags the limits of
jrun.toml count; without those nothing is removed but left-overs.

A removed image can be had back for a while with --undelete; its room is free after
that. An image that a job wants again comes back by itself.`,
		Example: `  jrun gc --dry-run --max-size 200G --unused-for 30d
  jrun gc --unused-for 90d
  jrun gc --undelete sha256:4fd1b3c9…
  jrun gc --undelete-for 0 --max-size 50G      # free the room now`,
		Args: wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := g.open()
			if err != nil {
				return err
			}
			stores, err := s.stores(o.site)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("undelete") {
				return undelete(cmd.OutOrStdout(), stores, o.undelete)
			}
			policy := s.gcPolicy()
			policy.DryRun = o.dryRun
			if cmd.Flags().Changed("max-size") {
				policy.MaxBytes = max(int64(o.maxSize), 1) // 0 leaves room for none; of a Policy it is no limit
			}
			if cmd.Flags().Changed("unused-for") {
				policy.UnusedFor = max(time.Duration(o.unusedFor), 1)
			}
			if cmd.Flags().Changed("undelete-for") {
				policy.UndeleteFor = time.Duration(o.undeleteFor)
			}
			report, err := store.Collect(cmd.Context(), stores, policy)
			summary := summarize(report, policy)
			if o.json {
				err = errors.Join(printJSON(cmd.OutOrStdout(), summary), err)
			} else {
				err = errors.Join(summary.print(cmd.OutOrStdout(), g.quiet), err)
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.dryRun, "dry-run", false, "only say what would be removed")
	flags.Var(&o.maxSize, "max-size", "remove the least recently used images until the rest takes at most this `SIZE` (200G)")
	flags.Var(&o.unusedFor, "unused-for", "remove images that no job has used for this `TIME` (30d)")
	flags.Var(&o.undeleteFor, "undelete-for", "keep removed images for this `TIME`")
	flags.StringVar(&o.undelete, "undelete", "", "give the removed image `DIGEST` back")
	flags.BoolVar(&o.site, "site", false, "of the site's part of the store; for the service account")
	flags.BoolVar(&o.json, "json", false, "print JSON")
	return cmd
}

// stores is what a command for upkeep works on: the user's own part, or all
// projects of the site's.
func (s *session) stores(site bool) ([]*store.Store, error) {
	if !site {
		return []*store.Store{s.store}, nil
	}
	places, err := store.SiteProjects(s.store.Root())
	if err != nil {
		return nil, err
	}
	var stores []*store.Store
	for _, place := range places {
		st, err := store.OpenSite(s.store.Root(), place)
		if err != nil {
			return nil, err
		}
		stores = append(stores, st)
	}
	if len(stores) == 0 {
		return nil, fault.Newf(store.ErrNotFound, "make it, as the service account: jrun store init --site\nand fetch images: jrun pull --site IMAGE",
			"the site's part of the store %s has no images", s.store.Root())
	}
	return stores, nil
}

// gcPolicy is that of jrun.toml.
func (s *session) gcPolicy() store.Policy {
	p := store.Policy{UndeleteFor: defaultUndeleteFor}
	c := s.config.GC
	if c.MaxSize != nil {
		p.MaxBytes = int64(*c.MaxSize)
	}
	if c.UnusedFor != nil {
		p.UnusedFor = time.Duration(*c.UnusedFor)
	}
	if c.UndeleteFor != nil {
		p.UndeleteFor = time.Duration(*c.UndeleteFor)
	}
	return p
}

// collectAfterwards keeps the store within the limits of jrun.toml after it has
// grown. It must not fail a job.
func (s *session) collectAfterwards(ctx context.Context) {
	p := s.gcPolicy()
	if auto := s.config.GC.Auto; auto != nil && !*auto || p.MaxBytes == 0 && p.UnusedFor == 0 {
		return
	}
	if _, err := store.Collect(ctx, []*store.Store{s.store}, p); err != nil && ctx.Err() == nil {
		s.report.warn(fault.Say("old images could not be removed: %v", err))
	}
}

func undelete(out io.Writer, stores []*store.Store, name string) error {
	for _, st := range stores {
		all, err := st.Deleted()
		if err != nil {
			return err
		}
		for _, d := range all {
			if !matchesDigest(d.Digest.String(), name) {
				continue
			}
			if err := st.Undelete(d.Digest); err != nil {
				return err
			}
			_, err = fmt.Fprintf(out, "%s is back\n", d.Digest)
			return err
		}
	}
	return fault.Newf(store.ErrNotFound, "jrun store status lists what can be had back\nor fetch it again: jrun pull IMAGE", "%s is not among the removed images", name)
}

func summarize(r store.Report, p store.Policy) gcReport {
	undeleteFor := quantity.Age(p.UndeleteFor)
	g := gcReport{
		DryRun: p.DryRun, Images: []gcImage{}, Purged: deletedEntries(r.Purged), Deleted: deletedEntries(r.Deleted),
		Swept: append([]string{}, r.Swept...), UndeletableFor: undeleteFor.String(),
	}
	for _, v := range r.Verdicts {
		g.Images = append(g.Images, gcImage{
			Digest: v.Digest.String(), SizeBytes: v.SizeBytes, LastUsed: v.LastUsed.UTC(), Users: v.Users,
			Pinned: v.Pin != nil, Removed: v.Remove, Why: v.Why,
		})
		if v.Remove {
			g.RemovedBytes += v.SizeBytes
			g.RemovedCount++
		} else {
			g.RemainingBytes += v.SizeBytes
			g.RemainingImages++
		}
	}
	for _, d := range r.Purged {
		g.FreedBytes += d.SizeBytes
	}
	return g
}

func deletedEntries(all []store.Deleted) []gcDeleted {
	entries := []gcDeleted{}
	for _, d := range all {
		entries = append(entries, gcDeleted{Digest: d.Digest.String(), Time: d.Time, SizeBytes: d.SizeBytes})
	}
	return entries
}

func (g gcReport) print(out io.Writer, quiet bool) error {
	verb, keep, free := "removed", "kept", "freed"
	if g.DryRun {
		verb, keep, free = "would remove", "keep", "free"
	}
	if !quiet {
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for _, i := range g.Images {
			if i.Removed {
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", verb, shortDigest(i.Digest), quantity.Size(i.SizeBytes), i.Why)
			}
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "%s %s (%s), %s %s (%s), %s %s",
		verb, count(g.RemovedCount, "image"), quantity.Size(g.RemovedBytes), keep, count(g.RemainingImages, "image"), quantity.Size(g.RemainingBytes), free, quantity.Size(g.FreedBytes))
	if err == nil && !g.DryRun { // which does not watch for left-overs
		_, err = fmt.Fprintf(out, ", swept %s", count(len(g.Swept), "left-over file"))
	}
	if err == nil {
		_, err = fmt.Fprintln(out)
	}
	if err == nil && len(g.Deleted) > 0 && !g.DryRun {
		_, err = fmt.Fprintf(out, "%s can be had back for %s after the removal: jrun gc --undelete DIGEST\n", count(len(g.Deleted), "removed image"), g.UndeletableFor)
	}
	return err
}

// count writes a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
