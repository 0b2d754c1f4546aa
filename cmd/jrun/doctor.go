package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/quantity"
	"github.com/jrun-hpc/jrun/runtime/sandbox"
	"github.com/spf13/cobra"
)

// finding is one check of `jrun doctor --json`.
type finding struct {
	Check  string   `json:"check"`
	Status string   `json:"status"` // ok, warning, failed or skipped
	Detail string   `json:"detail,omitempty"`
	Next   []string `json:"next,omitempty"` // what mends it

	problem error // of which Detail and Next are the English
}

func newDoctorCommand(g *globalOptions) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor [flags]",
		Short: "Check that this machine can run images",
		Long: `Check everything that jrun needs of this machine, by trying it. Each line says ok,
or what is wrong and how to mend it. The exit status is 125 if jrun cannot work.`,
		Example: "  jrun doctor\n  pbsdsh -- jrun doctor --json",
		Args:    wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return reportFindings(cmd.OutOrStdout(), diagnose(cmd.Context(), g), asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// reportFindings prints them, and returns an error if one failed.
func reportFindings(out io.Writer, findings []finding, asJSON bool) error {
	if asJSON {
		if err := printJSON(out, findings); err != nil {
			return err
		}
	} else {
		printFindings(out, findings)
	}
	for _, f := range findings {
		if f.Status == "failed" {
			return errReported
		}
	}
	return nil
}

// newFinding tells what came of a check, by its error; one of what is optional is a
// warning.
func newFinding(check, detail string, err error, skipped, optional bool) finding {
	f := finding{Check: check, Status: "ok", Detail: detail}
	switch {
	case skipped:
		f.Status = "skipped"
	case err != nil && optional:
		f.Status = "warning"
	case err != nil:
		f.Status = "failed"
	}
	if err != nil {
		f.explain(err)
	}
	return f
}

func diagnose(ctx context.Context, g *globalOptions) []finding {
	var findings []finding
	for _, c := range sandbox.Probe(ctx) {
		findings = append(findings, newFinding(c.Name, c.Detail, c.Err, c.Skipped, c.Optional))
	}
	findings = append(findings, diagnoseStore(g))
	if f, wanted := diagnoseNodeCache(g); wanted {
		findings = append(findings, f)
	}
	if f, wanted := diagnoseMPI(g); wanted {
		findings = append(findings, f)
	}
	return findings
}

func diagnoseStore(g *globalOptions) finding {
	f := finding{Check: "store", Status: "ok"}
	s, err := g.open()
	if err == nil {
		usage, usableErr := s.store.Usable()
		f.Detail = fmt.Sprintf("%s, on %s, %s free", s.store.Root(), usage.FileSystem, quantity.Size(usage.FreeBytes))
		err = usableErr
	}
	if err != nil {
		f.Status = "failed"
		f.explain(err)
	}
	return f
}

// explain takes the parts of a fault apart.
func (f *finding) explain(err error) {
	f.problem = err
	var problem *fault.Error
	if !errors.As(err, &problem) {
		f.Detail = err.Error()
		return
	}
	f.Detail = problem.Error()
	f.Next = strings.Split(problem.Next, "\n")
}

// inWords are the detail and the advice in the reader's language.
func (f finding) inWords() (detail string, next []string) {
	var problem *fault.Error
	switch {
	case f.problem == nil:
		return f.Detail, f.Next
	case !errors.As(f.problem, &problem):
		return tongue.Cause(f.problem), f.Next
	}
	return tongue.Cause(problem), strings.Split(tongue.Say(problem.Advice()), "\n")
}

func printFindings(out io.Writer, findings []finding) {
	label := tongue.Say(fault.Say("next:"))
	width := 0
	for _, f := range findings {
		width = max(width, len(f.Check))
	}
	for _, f := range findings {
		detail, advice := f.inWords()
		fmt.Fprintf(out, "%-7s  %-*s  %s\n", f.Status, width, f.Check, detail)
		for _, next := range advice {
			fmt.Fprintf(out, "%-7s  %-*s  %s %s\n", "", width, "", label, next)
		}
	}
}
