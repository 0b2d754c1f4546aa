package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/jrun-hpc/jrun/quantity"
	"github.com/jrun-hpc/jrun/runtime/identity"
	"github.com/spf13/cobra"
)

func newStoreCommand(g *globalOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "store",
		Short: "Look after the store of converted images",
		Long:  "Look after the store of converted images.",
		Args:  wantArgs(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newStoreStatusCommand(g), newStoreInitCommand(g), newStoreShareCommand(g))
	return cmd
}

// storeStatus is `jrun store status --json`.
type storeStatus struct {
	Store            string      `json:"store"`
	FileSystem       string      `json:"fileSystem"`
	FreeBytes        int64       `json:"freeBytes"`
	Images           []gcImage   `json:"images"` // removed says what jrun gc would do
	SizeBytes        int64       `json:"sizeBytes"`
	Leases           int         `json:"leases"` // running jobs that use an image
	Pins             int         `json:"pins"`
	ReclaimableBytes int64       `json:"reclaimableBytes"` // by jrun gc, with the limits of jrun.toml
	Deleted          []gcDeleted `json:"deleted"`          // can be had back
}

func newStoreStatusCommand(g *globalOptions) *cobra.Command {
	var asJSON, site bool
	cmd := &cobra.Command{
		Use:     "status [flags]",
		Short:   "Show what the store holds and what could go",
		Long:    "Show what the store holds, who uses it, what is pinned, and what jrun gc would remove.",
		Example: "  jrun store status\n  jrun store status --json | jq .reclaimableBytes",
		Args:    wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := g.open()
			if err != nil {
				return err
			}
			status, err := s.status(cmd.Context(), site)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), status)
			}
			return status.print(cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&site, "site", false, "of the site's part of the store; for the service account")
	return cmd
}

func (s *session) status(ctx context.Context, site bool) (storeStatus, error) {
	stores, err := s.stores(site)
	if err != nil {
		return storeStatus{}, err
	}
	usage, _ := s.store.Usable() // filled in as far as it is known
	policy := s.gcPolicy()
	policy.DryRun = true
	report, err := store.Collect(ctx, stores, policy)
	if err != nil {
		return storeStatus{}, err
	}
	summary := summarize(report, policy)
	status := storeStatus{
		Store: s.store.Root(), FileSystem: usage.FileSystem, FreeBytes: usage.FreeBytes, Images: summary.Images,
		ReclaimableBytes: summary.RemovedBytes, Deleted: summary.Deleted, SizeBytes: summary.RemovedBytes + summary.RemainingBytes,
	}
	for _, i := range summary.Images {
		status.Leases += i.Users
		if i.Pinned {
			status.Pins++
		}
	}
	for _, d := range summary.Deleted {
		status.ReclaimableBytes += d.SizeBytes
	}
	return status, nil
}

func (t storeStatus) print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "store\t%s (%s, %s free)\n", t.Store, t.FileSystem, quantity.Size(t.FreeBytes))
	fmt.Fprintf(table, "images\t%d, %s\n", len(t.Images), quantity.Size(t.SizeBytes))
	fmt.Fprintf(table, "in use\tby %s\n", count(t.Leases, "running job"))
	fmt.Fprintf(table, "pinned\t%d\n", t.Pins)
	fmt.Fprintf(table, "removed\t%d can be had back\n", len(t.Deleted))
	fmt.Fprintf(table, "reclaimable\t%s\n", quantity.Size(t.ReclaimableBytes))
	if err := table.Flush(); err != nil {
		return err
	}
	if len(t.Images)+len(t.Deleted) == 0 {
		return nil
	}
	fmt.Fprintln(table, "\nDIGEST\tSIZE\tLAST USED\tSTATE")
	for _, i := range t.Images {
		state := printable.Line(i.Why) // the reason of a pin may be anything
		if i.Removed {
			state = "jrun gc would remove it: " + state
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", shortDigest(i.Digest), quantity.Size(i.SizeBytes), i.LastUsed.Local().Format(time.DateTime), state)
	}
	for _, d := range t.Deleted {
		fmt.Fprintf(table, "%s\t%s\t\tremoved %s\n", shortDigest(d.Digest), quantity.Size(d.SizeBytes), d.Time.Local().Format(time.DateTime))
	}
	return table.Flush()
}

func newStoreInitCommand(g *globalOptions) *cobra.Command {
	var site bool
	cmd := &cobra.Command{
		Use:   "init --site",
		Short: "Make the site's part of a shared store",
		Long: `Make the site's part of a shared store, from which all users may run the images of
their projects. Run it as the service account that will publish images, and write
that account into /etc/jrun/jrun.toml as site_owner. A user's own part needs no
preparation.

The store's directory must belong to root or to the service account; when users
keep their own images there, too, its mode is 1777.`,
		Example: "  sudo install -d -m 1777 /lustre/jrun\n  sudo -u jrun-svc jrun --store /lustre/jrun store init --site",
		Args:    wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !site {
				return fault.New("nothing to do", fault.Because("a user's own part of the store makes itself"), "for the site's part: jrun store init --site")
			}
			if os.Getuid() == 0 {
				return fault.New("refusing to make the site's part of the store as root", fault.Because("a service account is enough, and jrun takes no images that belong to root for the site's"),
					"run it as the service account: sudo -u jrun-svc jrun store init --site")
			}
			s, err := g.open()
			if err != nil {
				return err
			}
			if err := store.InitSite(s.store.Root()); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "the site's part of %s is ready; in /etc/jrun/jrun.toml: site_owner = \"%d\"\n", s.store.Root(), os.Getuid())
			return err
		},
	}
	cmd.Flags().BoolVar(&site, "site", false, "make the site's part")
	return cmd
}

func newStoreShareCommand(g *globalOptions) *cobra.Command {
	var users, groups []string
	var everybody, nobody bool
	cmd := &cobra.Command{
		Use:   "share [flags] REGISTRY/PROJECT",
		Short: "Say who may read a project's images in the site's part",
		Long: `Say who may read a project's images in the site's part of the store: these accounts
and groups, and nobody else, whatever was before. For the service account.`,
		Example: "  jrun store share harbor.example.ac.jp/lab --user alice --user bob --group lab\n  jrun store share harbor.example.ac.jp/shared --everybody",
		Args:    wantArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !everybody && !nobody && len(users)+len(groups) == 0 {
				return fault.New("cannot share with nobody", fault.Because("no account or group is named"), "add --user NAME, --group NAME, --everybody, or --nobody to close the project")
			}
			members, err := membersOf(cmd.Context(), users, groups, everybody)
			if err != nil {
				return err
			}
			s, err := g.open()
			if err != nil {
				return err
			}
			ref, err := image.ParseReference(args[0] + "/any")
			if err != nil {
				return err
			}
			st, err := store.OpenSite(s.store.Root(), image.PlaceOf(ref))
			if err != nil {
				return err
			}
			return st.Share(members)
		},
	}
	cmd.Flags().StringArrayVar(&users, "user", nil, "let the account `NAME` read; may be repeated")
	cmd.Flags().StringArrayVar(&groups, "group", nil, "let the members of the group `NAME` read; may be repeated")
	cmd.Flags().BoolVar(&everybody, "everybody", false, "let everybody read: a public project")
	cmd.Flags().BoolVar(&nobody, "nobody", false, "let nobody read")
	return cmd
}

func membersOf(ctx context.Context, users, groups []string, everybody bool) (store.Members, error) {
	m := store.Members{Everybody: everybody}
	for _, name := range users {
		uid, err := identity.UserID(ctx, name)
		if err != nil {
			return m, fault.Newf(err, fault.Say("check the name: getent passwd %s", name), "there is no account %q", name)
		}
		m.UIDs = append(m.UIDs, uid)
	}
	for _, name := range groups {
		gid, err := identity.GroupID(ctx, name)
		if err != nil {
			return m, fault.Newf(err, fault.Say("check the name: getent group %s", name), "there is no group %q", name)
		}
		m.GIDs = append(m.GIDs, gid)
	}
	return m, nil
}
