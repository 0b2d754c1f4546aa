package main

import (
	"io"
	"os"
	"path/filepath"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/desired"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

const planLong = `Compare Harbor with what the site's file (desired.toml) and the directory of people
say, and print the difference like a diff. Nothing is changed: jadm apply does that.

What jadm did not make is left alone. What would take it over is shown apart, and
--adopt adds it to the plan; what would take away what jadm did not give is shown
apart as well, and --prune adds it.

With --exit-code, the status is 2 when there is something to do.`

// exitDifferent is the status of plan --exit-code when there is something to do.
const exitDifferent = 2

// scopeFlags are those of plan and apply alike.
type scopeFlags struct {
	adopt, prune bool
	person       string
}

func (f *scopeFlags) add(flags *pflag.FlagSet) {
	flags.BoolVar(&f.adopt, "adopt", false, "take over projects of the file that others have made, and their webhooks")
	flags.BoolVar(&f.prune, "prune", false, "also take away what jadm did not give, memberships of people who have left,\nand projects that are empty and not in the file any more")
	flags.StringVar(&f.person, "person", "", "only what concerns the person with this `ID`")
}

func (f *scopeFlags) options() desired.Options {
	return desired.Options{Adopt: f.adopt, Prune: f.prune, Scope: desired.Scope{Person: f.person}}
}

func (p *program) newPlanCommand() *cobra.Command {
	var scope scopeFlags
	var exitCode bool
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what apply would change at Harbor",
		Long:  planLong,
		Example: `  jadm plan
  jadm plan --person u001            # what concerns one person
  jadm plan --adopt --prune          # what could be done with all consent
  jadm plan --exit-code              # for scripts: 0 nothing to do, 2 something, 1 failed`,
		Args: wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			site, err := p.site()
			if err != nil {
				return err
			}
			plan, err := site.Plan(cmd.Context(), scope.options())
			if err != nil {
				return err
			}
			if err := p.printPlan(cmd.OutOrStdout(), plan); err != nil {
				return err
			}
			if exitCode && len(plan.Changes) > 0 {
				return &fault.Error{What: "there is something to do", Why: errReported, Code: exitDifferent}
			}
			return nil
		},
	}
	scope.add(cmd.Flags())
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, "end with status 2 when there is something to do")
	return cmd
}

func (p *program) printPlan(out io.Writer, plan desired.Plan) error {
	if p.json {
		return printJSON(out, plan)
	}
	return plan.Write(out, isTerminal(out))
}

// isTerminal reports whether somebody watches, and wants colours (no-color.org).
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// credentialDir is where logins of robots are whose place the file does not say.
func credentialDir(s *settings.Settings) string { return filepath.Join(s.State, "credentials") }
