package main

import (
	"fmt"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/spf13/cobra"
)

const rootLong = `jadm looks after people and images over time, for a site with Harbor and jrun:
projects, members and rules as one file says; new people; images that are ready
before jobs ask for them; what is kept and what goes; people who leave.

It runs as an ordinary account that owns the site's part of jrun's store. All that
it does is in its audit log, and can be seen before with --dry-run.`

const exitStatus = `
Exit status:
  0 when all is done; 1 when not, and what went wrong is said on standard error;
  128+n after signal n
`

func newRootCommand() *cobra.Command { return new(program).root() }

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "jadm",
		Short:         "Look after people and images over time",
		Long:          rootLong,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          wantArgs(cobra.NoArgs),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := root.PersistentFlags()
	flags.StringVar(&p.config, "config", "", "`FILE` to read instead of $JADM_CONFIG or /etc/jadm/jadm.toml")
	flags.BoolVar(&p.json, "json", false, "print JSON")
	flags.BoolVarP(&p.dryRun, "dry-run", "n", false, "only say what would be done")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fault.New("cannot understand the command line", err, fmt.Sprintf("see '%s --help'", cmd.CommandPath()))
	})
	root.SetUsageTemplate(root.UsageTemplate() + exitStatus)
	for _, g := range p.groups() {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, c := range g.commands {
			c.GroupID = g.id
			root.AddCommand(c)
		}
	}
	root.AddCommand(extraCommands...)
	completeNoFiles(root)
	return root
}

// extraCommands are added by files that only special builds contain.
var extraCommands []*cobra.Command

// group is a part of the list of commands, in the order in which one needs them.
type group struct {
	id, title string
	commands  []*cobra.Command
}

func (p *program) groups() []group {
	return []group{
		{"registry", "Setting up, and the registry:", []*cobra.Command{p.newInitCommand(), p.newPasswordsCommand(), p.newDoctorCommand(), p.newPlanCommand(), p.newApplyCommand()}},
		{"people", "People:", []*cobra.Command{p.newUserCommand(), p.newExpiredCommand(), p.newLeaversCommand(), p.newMailCommand()}},
		{"images", "Images:", []*cobra.Command{
			p.newServeCommand(), p.newQueueCommand(), p.newUsageCommand(), p.newRetainCommand(), p.newPinCommand(), p.newUnpinCommand(), p.newPinsCommand(), p.newReportCommand(),
		}},
		{"bundles", "Bundles:", []*cobra.Command{p.newBundleCommand()}},
		{"upkeep", "Upkeep:", []*cobra.Command{p.newLeaseCommand(), p.newAuditCommand()}},
		{"other", "Other:", []*cobra.Command{p.newVersionCommand()}},
	}
}

// wantArgs is cobra.ExactArgs and the like with an error that says what to type.
func wantArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return fault.New("cannot understand the command line", err, fmt.Sprintf("usage: %s\nsee '%s --help'", cmd.UseLine(), cmd.CommandPath()))
		}
		return nil
	}
}
