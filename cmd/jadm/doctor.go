package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/spf13/cobra"
)

const doctorLong = `Try everything that jadm needs, as the account that runs it: Harbor and what jadm may
do there, the directory of people, the store and its access control lists, the secret
that Harbor and jadm serve share, the way of letters, where bundles go, the clocks, and
the audit log. Each line says ok, or what is wrong and how to mend it. Nothing is
changed, and no letter is sent.

A warning is about something that jadm works without. The exit status is 1 when
something has failed.`

func (p *program) newDoctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "doctor",
		Short:   "Check that jadm has all that it needs",
		Long:    doctorLong,
		Example: "  sudo -u jadm jadm doctor\n  jadm doctor --json",
		Args:    wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.reportFindings(cmd.OutOrStdout(), p.diagnose(cmd.Context()))
		},
	}
}

// How a check ended.
const (
	findingOK      = "ok"
	findingWarning = "warning"
	findingFailed  = "failed"
	findingSkipped = "skipped"
)

// finding is what came of one check.
type finding struct {
	Check  string   `json:"check"`
	Status string   `json:"status"` // ok, warning, failed or skipped
	Detail string   `json:"detail,omitempty"`
	Next   []string `json:"next,omitempty"` // what mends it
}

// warning is an error about something that jadm works without.
type warning struct{ error }

func (w warning) Unwrap() error { return w.error }

// errSkipped is of a check that means nothing on this site.
var errSkipped = errors.New("skipped")

// check tries one thing; detail is what is said of it when all is well.
type check struct {
	name       string
	try        func(ctx context.Context) (detail string, err error)
	asksHarbor bool
}

// diagnose does all checks. Those behind the configuration need it.
func (p *program) diagnose(ctx context.Context) []finding {
	findings := []finding{tried(ctx, check{name: "configuration", try: p.checkConfiguration})}
	if findings[0].Status == findingFailed {
		return findings
	}
	silent := false // Harbor: asking it again would take as long
	for _, c := range p.checks() {
		if ctx.Err() != nil {
			break
		}
		if silent && c.asksHarbor {
			c.try = func(context.Context) (string, error) { return "Harbor does not answer", errSkipped }
		}
		f := tried(ctx, c)
		silent = silent || c.asksHarbor && f.Status == findingFailed
		findings = append(findings, f)
	}
	return findings
}

func tried(ctx context.Context, c check) finding {
	detail, err := c.try(ctx)
	f := finding{Check: c.name, Status: findingOK, Detail: detail}
	var mild warning
	switch {
	case err == nil:
		return f
	case errors.Is(err, errSkipped):
		f.Status = findingSkipped
		return f
	case errors.As(err, &mild):
		f.Status = findingWarning
	default:
		f.Status = findingFailed
	}
	f.Detail = err.Error()
	var problem *fault.Error
	if errors.As(err, &problem) {
		f.Detail, f.Next = problem.Error(), strings.Split(problem.Next, "\n")
	}
	return f
}

// reportFindings prints them, and returns an error if one failed.
func (p *program) reportFindings(out io.Writer, findings []finding) error {
	var err error
	if p.json {
		err = printJSON(out, findings)
	} else {
		err = printFindings(out, findings)
	}
	for _, f := range findings {
		if f.Status == findingFailed && err == nil {
			err = errReported
		}
	}
	return err
}

func printFindings(out io.Writer, findings []finding) error {
	width := 0
	for _, f := range findings {
		width = max(width, len(f.Check))
	}
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%-7s  %-*s  %s\n", f.Status, width, f.Check, printable.Line(f.Detail))
		for _, next := range f.Next {
			fmt.Fprintf(&b, "%-7s  %-*s  next: %s\n", "", width, "", next)
		}
	}
	_, err := io.WriteString(out, printable.Text(b.String()))
	return err
}
