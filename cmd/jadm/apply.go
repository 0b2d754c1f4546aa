package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strconv"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/desired"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

const applyLong = `Do what jadm plan shows. Each change is in the audit log before it is made, and
its outcome after. One that fails holds up no other that does not need it; all that
failed are told at the end, and running apply again tries them again. So does running
it again after it was killed.

With --prune, what is taken away is shown first, and apply wants its number typed.

Logins of robots are written to the files that desired.toml names, or to
STATE/credentials/PROJECT+ROBOT.json, in the form of auth.json and readable by jadm's
account only.`

func (p *program) newApplyCommand() *cobra.Command {
	var scope scopeFlags
	var yes bool
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Make Harbor what desired.toml says",
		Long:  applyLong,
		Example: `  jadm apply --dry-run               # the same as jadm plan
  jadm apply
  jadm apply --person u001           # only what concerns one person
  jadm apply --adopt                 # take over projects that were made by hand
  jadm apply --prune                 # asks before it takes anything away
  jadm apply --prune --yes           # for scripts`,
		Args: wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if yes && !scope.prune {
				return fault.New("--yes is only for --prune", nil, "without --prune nothing is asked: jadm apply")
			}
			site, err := p.site()
			if err != nil {
				return err
			}
			a := &applying{program: p, site: site, options: scope.options(), yes: yes, cmd: cmd}
			return a.run()
		},
	}
	scope.add(cmd.Flags())
	cmd.Flags().BoolVar(&yes, "yes", false, "with --prune: take away without asking")
	return cmd
}

// applying is one run of jadm apply.
type applying struct {
	*program
	site    *desired.Site
	options desired.Options
	yes     bool
	cmd     *cobra.Command
}

func (a *applying) run() error {
	ctx, out := a.cmd.Context(), a.cmd.OutOrStdout()
	if a.dryRun {
		plan, err := a.site.Plan(ctx, a.options)
		if err != nil {
			return err
		}
		return a.printPlan(out, plan)
	}
	var approve func(desired.Plan) error
	if a.options.Prune && !a.yes {
		// Nobody is kept waiting by the lock while somebody thinks.
		plan, err := a.site.Plan(ctx, a.options)
		if err != nil {
			return err
		}
		if plan.Removals() > 0 {
			if err := a.confirm(plan); err != nil {
				return err
			}
		}
		approve = func(now desired.Plan) error { return sameRemovals(plan, now) }
	}
	results := []result{}
	plan, err := a.site.Apply(ctx, a.options, approve, func(c desired.Change, err error) {
		results = append(results, resultOf(c, err))
		if !a.json {
			a.say(c, err)
		}
	})
	if err != nil && len(desired.Failures(err)) == 0 {
		return err // it has not begun, or was interrupted between two changes
	}
	return a.end(plan, results, err)
}

// say prints a change that was tried.
func (a *applying) say(c desired.Change, err error) {
	line := c.Line()
	if err != nil {
		line += "  FAILED"
	}
	fmt.Fprintln(a.cmd.OutOrStdout(), line)
}

// end tells of failures, and of what was not to be done.
func (a *applying) end(plan desired.Plan, results []result, err error) error {
	failed := 0
	for _, r := range results {
		if r.Error != "" {
			failed++
		}
	}
	if a.json {
		jsonErr := printJSON(a.cmd.OutOrStdout(), map[string]any{"changes": results, "held": plan.Held, "problems": plan.Problems})
		return errors.Join(jsonErr, reported(err))
	}
	out := a.cmd.OutOrStdout()
	rest := desired.Plan{Held: plan.Held, Problems: plan.Problems}
	write := rest.Write // which says that there was nothing to do
	if len(results) > 0 {
		write = rest.WriteRest
	}
	if writeErr := write(out, isTerminal(out)); writeErr != nil {
		return writeErr
	}
	if len(results) > 0 {
		fmt.Fprintf(out, "\n%d done, %d failed.\n", len(results)-failed, failed)
	}
	for _, f := range desired.Failures(err) {
		fmt.Fprint(a.cmd.ErrOrStderr(), fault.Format("jadm: "+f.Change.Subject, advised(f.Err)))
	}
	if err != nil && a.cmd.Context().Err() != nil {
		return err // main says that it was interrupted
	}
	return reported(err)
}

// reported is errReported for an error that has been told.
func reported(err error) error {
	if err == nil {
		return nil
	}
	return errReported
}

// result is a change for programs, with how it ended.
type result struct {
	desired.Change
	Outcome string `json:"outcome"` // done or failed
	Error   string `json:"error,omitempty"`
}

func resultOf(c desired.Change, err error) result {
	if err != nil {
		return result{c, "failed", err.Error()}
	}
	return result{c, "done", ""}
}

// confirm shows what would be taken away, and wants the number typed.
func (a *applying) confirm(plan desired.Plan) error {
	in, ok := a.cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return fault.New("nobody can be asked whether to take these away", fmt.Errorf("standard input is no terminal, and %d would go", plan.Removals()), "look at them: jadm plan --prune\nand if all is right: jadm apply --prune --yes")
	}
	out := a.cmd.ErrOrStderr()
	if err := plan.Write(out, isTerminal(out)); err != nil {
		return err
	}
	return askNumber(in, out, plan.Removals())
}

// askNumber wants n typed: who answers yes to everything would not see it.
func askNumber(in io.Reader, out io.Writer, n int) error {
	fmt.Fprintf(out, "\nChanges that take away what jadm did not give, or a project: %d\nType this number to make them: ", n)
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if typed, err := strconv.Atoi(strings.TrimSpace(line)); err != nil || typed != n {
		return fault.New("nothing was done", fmt.Errorf("the number typed is not %d", n), "jadm apply, without --prune, takes nothing away")
	}
	return nil
}

// sameRemovals refuses a plan that takes away something else than what somebody has
// agreed to.
func sameRemovals(agreed, now desired.Plan) error {
	if reflect.DeepEqual(removals(agreed), removals(now)) {
		return nil
	}
	return fault.New("nothing was done", errors.New("what would be taken away has changed meanwhile"), "look at it again: jadm apply --prune")
}

func removals(plan desired.Plan) []string {
	var lines []string
	for _, c := range plan.Changes {
		if c.Needs == desired.NeedsPrune {
			lines = append(lines, c.Line())
		}
	}
	return lines
}
