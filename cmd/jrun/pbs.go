package main

import (
	"context"
	"fmt"
	"io"
	"os/user"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/pbs"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newPBSCommand(g *globalOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pbs",
		Short: "Set up and look after OpenPBS: qsub -l container_image=IMAGE",
		Long: `Set up OpenPBS so that 'qsub -l container_image=IMAGE job.sh' runs the job inside the
image. docs/pbs.md is for administrators, docs/jobs.md for users.`,
		Args: wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newPBSInstallCommand(), newPBSHookCommand(), newPBSCheckCommand(), newPBSStatusCommand(), newPBSPrefetchCommand(g))
	return cmd
}

// pbsSettings are the hook's, by jrun.toml.
func pbsSettings(c config) pbs.Settings {
	known := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(runOptions).addFlags(known)
	new(globalOptions).addTaskFlags(known)
	var options []string
	for _, name := range c.PBS.options() {
		options = append(options, name)
		if f := known.Lookup(strings.TrimPrefix(name, "--")); f != nil && f.Shorthand != "" {
			options = append(options, "-"+f.Shorthand)
		}
	}
	return pbs.Settings{
		Jrun:              c.PBS.program(),
		Version:           version(),
		DefaultRegistry:   c.DefaultRegistry,
		AllowedRegistries: c.AllowedRegistries,
		Options:           options,
	}
}

// pbsServer is the server that this machine belongs to, and what the site's file says
// for the hook: a manager's own file is none of the site's.
func pbsServer() (pbs.Server, pbs.Settings, error) {
	host, err := pbs.ReadHost()
	if err != nil {
		return pbs.Server{}, pbs.Settings{}, err
	}
	site, err := readConfig(siteConfig, false)
	return pbs.Server{Host: host}, pbsSettings(site), err
}

func newPBSInstallCommand() *cobra.Command {
	var dryRun, uninstall bool
	cmd := &cobra.Command{
		Use:   "install [flags]",
		Short: "Give the hook and its configuration to the PBS server",
		Long: `Give the hook and its configuration, which is made of /etc/jrun/jrun.toml, to the PBS
server. It does only what is not done yet, so that it can be run after each upgrade
and each change of jrun.toml. It needs a manager of PBS (root, on the server).`,
		Example: "  sudo jrun pbs install --dry-run\n  sudo jrun pbs install",
		Args:    wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			server, settings, err := pbsServer()
			if err != nil {
				return err
			}
			return installHook(cmd.Context(), cmd.OutOrStdout(), server, settings, dryRun, uninstall)
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only print the directives of qmgr")
	cmd.Flags().BoolVar(&uninstall, "uninstall", false, "remove the hook")
	return cmd
}

func installHook(ctx context.Context, out io.Writer, server pbs.Server, settings pbs.Settings, dryRun, uninstall bool) error {
	var steps []pbs.Step
	var err error
	if uninstall {
		steps, err = server.Uninstall(ctx)
	} else {
		steps, err = server.Install(ctx, settings)
	}
	if err != nil {
		return err
	}
	if len(steps) == 0 {
		_, err := fmt.Fprintln(out, "there is nothing to do")
		return err
	}
	for _, step := range steps {
		directive := step.Directive
		switch step.Suffix {
		case ".py":
			directive = strings.Replace(directive, "FILE", "jrun.py", 1)
			_, err = fmt.Fprintln(out, "jrun pbs hook > jrun.py")
		case ".json":
			directive = strings.Replace(directive, "FILE", "jrun.json", 1)
			_, err = fmt.Fprintln(out, "jrun pbs hook --config > jrun.json")
		}
		if err == nil {
			_, err = fmt.Fprintf(out, "qmgr -c '%s'\n", directive)
		}
		if err != nil {
			return err
		}
	}
	if dryRun {
		return nil
	}
	return server.Do(ctx, steps)
}

func newPBSHookCommand() *cobra.Command {
	var asConfig bool
	cmd := &cobra.Command{
		Use:   "hook [flags]",
		Short: "Print the hook",
		Args:  wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			text := pbs.Hook()
			if asConfig {
				site, err := readConfig(siteConfig, false)
				if err == nil {
					text, err = pbsSettings(site).Text()
				}
				if err != nil {
					return err
				}
			}
			_, err := cmd.OutOrStdout().Write(text)
			return err
		},
	}
	cmd.Flags().BoolVar(&asConfig, "config", false, "print its configuration instead, as made of /etc/jrun/jrun.toml")
	return cmd
}

func newPBSCheckCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check [flags]",
		Short: "Check all that jobs with images need of PBS",
		Long: `Check what the PBS server, this machine and the nodes have. Each line says ok, or what
is wrong and how to mend it. The exit status is 125 if jobs with images cannot run.
'jrun doctor' checks what jrun needs of a machine.`,
		Args: wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			server, settings, err := pbsServer()
			if err != nil {
				return err
			}
			var findings []finding
			for _, f := range server.Check(cmd.Context(), settings) {
				findings = append(findings, newFinding(f.Name, f.Detail, f.Err, f.Skipped, f.Warning))
			}
			return reportFindings(cmd.OutOrStdout(), findings, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func newPBSStatusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status [flags]",
		Short: "List the nodes' jrun and the jobs with images",
		Args:  wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			server, _, err := pbsServer()
			if err != nil {
				return err
			}
			return printPBSStatus(cmd.Context(), cmd.OutOrStdout(), server, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printPBSStatus(ctx context.Context, out io.Writer, server pbs.Server, asJSON bool) error {
	nodes, err := server.Nodes(ctx)
	if err != nil {
		return err
	}
	jobs, err := server.Jobs(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(out, struct {
			Nodes []pbs.Node `json:"nodes"`
			Jobs  []pbs.Job  `json:"jobs"`
		}{append([]pbs.Node{}, nodes...), append([]pbs.Job{}, jobs...)})
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NODE\tSTATE\tJRUN")
	for _, n := range nodes {
		if n.Version == "" {
			n.Version = "not known"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", n.Name, n.State, n.Version)
	}
	fmt.Fprintln(table, "\nJOB\tOWNER\tSTATE\tQUEUE\tIMAGE")
	for _, j := range jobs {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", j.ID, j.Owner, j.State, j.Queue, printable.Line(j.Image))
	}
	return table.Flush()
}

func newPBSPrefetchCommand(g *globalOptions) *cobra.Command {
	var site, dryRun bool
	cmd := &cobra.Command{
		Use:   "prefetch [flags]",
		Short: "Convert the images of waiting jobs, so that they start at once",
		Long: `Convert the images of the jobs that wait in the queue: your own into your part of the
store, or, with --site, everybody's into the site's part, as its service account. Run
it from cron; what is converted already costs one request each time.`,
		Example: "  jrun pbs prefetch\n  */2 * * * * jrun-svc jrun pbs prefetch --site --quiet     # in /etc/cron.d",
		Args:    wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			host, err := pbs.ReadHost()
			if err != nil {
				return err
			}
			jobs, err := pbs.Server{Host: host}.Waiting(cmd.Context())
			if err != nil {
				return err
			}
			if site && !dryRun {
				err = checkQueueConverts()
			} else if !site {
				jobs, err = ownJobs(jobs)
			}
			if err != nil {
				return err
			}
			return prefetch(cmd, g, jobs, site, dryRun)
		},
	}
	cmd.Flags().BoolVar(&site, "site", false, "everybody's, into the site's part of the store; for the service account")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only list the images")
	return cmd
}

// checkQueueConverts makes sure that this is what the site wants: jobs then find their
// images in the site's part, which costs the service account room.
func checkQueueConverts() error {
	c, err := loadConfig()
	if err == nil && c.PBS.Convert != convertInQueue {
		err = fault.New("this site converts images in the jobs that need them", fault.Because("pbs.convert is not %q", convertInQueue),
			fault.Say(`write it into %s: [pbs] convert = "queue"`, siteConfig).And("or convert single images: jrun pull --site IMAGE"))
	}
	return err
}

func ownJobs(jobs []pbs.Job) ([]pbs.Job, error) {
	me, err := user.Current()
	if err != nil {
		return nil, fault.New("cannot tell who you are", err, "ask the administrator for a line in passwd")
	}
	return slices.DeleteFunc(jobs, func(j pbs.Job) bool { return j.Owner != me.Username }), nil
}

// prefetch goes on after a failure: one user's misspelt image must not hold up others.
func prefetch(cmd *cobra.Command, g *globalOptions, jobs []pbs.Job, site, dryRun bool) error {
	var names []string
	for _, j := range jobs {
		if !slices.Contains(names, j.Image) {
			names = append(names, j.Image)
		}
	}
	if dryRun {
		for _, name := range names {
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), printable.Line(name)); err != nil {
				return err
			}
		}
		return nil
	}
	s, err := g.open()
	if err != nil {
		return err
	}
	failed := 0
	for _, name := range names {
		err := prefetchOne(cmd.Context(), s, name, site)
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		if err != nil {
			failed++
			fmt.Fprint(cmd.ErrOrStderr(), tongue.Format("jrun", err))
		}
	}
	if failed > 0 {
		return fault.Newf(fault.Because("the reasons stand above"), "their jobs try again when they start, with their owners' logins", "%d of %d images could not be made ready", failed, len(names))
	}
	return nil
}

func prefetchOne(ctx context.Context, s *session, name string, site bool) error {
	ref, err := image.ParseReference(name)
	if err != nil || ref.Kind() != image.Registry {
		return err // files are there already
	}
	_, err = s.pull(ctx, name, site)
	return err
}
