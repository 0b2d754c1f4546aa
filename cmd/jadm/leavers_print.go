package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image/lifecycle/leaving"
	"github.com/jrun-hpc/jrun/printable"
)

// departure is one as it is printed.
type departure struct {
	*leaving.Departure
	Calendar    []leaving.Entry      `json:"calendar"`
	Certificate *leaving.Certificate `json:"certificate,omitempty"`
}

// next is the first thing to come.
func (d departure) next() string {
	switch {
	case d.Waiting != "":
		return printable.Line(d.Waiting)
	case len(d.Calendar) == 0:
		return "-"
	}
	what, _, _ := strings.Cut(d.Calendar[0].What, ":")
	what, _, _ = strings.Cut(what, " (")
	return d.Calendar[0].Time.Format(time.DateOnly) + " " + printable.Line(what)
}

func (p *program) printDeparture(out io.Writer, d *leaving.Departure, now time.Time, c *leaving.Certificate) error {
	calendar := p.leavingRules().Calendar(d, now)
	if p.json {
		return printJSON(out, departure{d, calendar, c})
	}
	b := &strings.Builder{}
	fmt.Fprintf(b, "%s (%s) leaves on %s: %s since %s\n", d.ID(), d.Person.Name, d.Date.Format(time.DateOnly), d.Stage, d.Since.Local().Format(time.DateOnly))
	fmt.Fprintf(b, "  ordered by %s", d.OrderedBy)
	if d.Reason != "" {
		fmt.Fprintf(b, ": %s", d.Reason)
	}
	fmt.Fprintln(b)
	for _, lab := range d.Labs {
		switch {
		case d.Choice.Admins[lab.Project] != "":
			fmt.Fprintf(b, "  %s becomes admin of %s, whose only admin %s is\n", d.Choice.Admins[lab.Project], lab.Project, d.ID())
		case lab.Proposed != "":
			fmt.Fprintf(b, "  note: %s is the only admin of %s\n  next: jadm user leave %s --admin %s=%s\n", d.ID(), lab.Project, d.ID(), lab.Project, lab.Proposed)
		default:
			fmt.Fprintf(b, "  note: %s is the only admin of %s\n  next: jadm user leave %s --admin %s=ID\n", d.ID(), lab.Project, d.ID(), lab.Project)
		}
	}
	if d.Where != nil {
		fmt.Fprintf(b, "  %d images: %s\n", len(d.Images()), d.Where.Why)
	}
	for _, bundle := range d.Bundles {
		switch {
		case !bundle.Purged.IsZero():
			fmt.Fprintf(b, "  bundle %s was removed on %s\n", bundle.Dir, bundle.Purged.Local().Format(time.DateOnly))
		case !bundle.Verified.IsZero():
			fmt.Fprintf(b, "  bundle %s, read back on %s, %s\n", bundle.Dir, bundle.Verified.Local().Format(time.DateOnly), bundle.Checksum)
		}
	}
	if c != nil {
		fmt.Fprintf(b, "  the certificate names %d images and %d acts: jadm leavers show %s --json\n", len(c.Images), len(c.Acts), d.ID())
	}
	for _, t := range d.Troubles {
		fmt.Fprintf(b, "\n%s does not succeed since %s (%d times)\n", t.Step, t.Since.Local().Format(time.DateOnly), t.Times)
		printTrouble(b, t)
	}
	if d.Waiting != "" {
		fmt.Fprintf(b, "\n%s\n", d.Waiting)
	}
	fmt.Fprintln(b, "\nWhat was:")
	for _, e := range d.History {
		fmt.Fprintf(b, "  %s  %s\n", e.Time.Local().Format(time.DateOnly), e.What)
	}
	if len(calendar) > 0 {
		fmt.Fprintln(b, "\nWhat comes:")
		printCalendar(b, calendar, now)
	}
	_, err := io.WriteString(out, printable.Text(b.String()))
	return err
}

func printTrouble(out io.Writer, t leaving.Trouble) {
	fmt.Fprintf(out, "  why:  %s\n", printable.Text(t.Why))
	for line := range strings.Lines(t.Next) {
		fmt.Fprintf(out, "  next: %s\n", printable.Line(line))
	}
}

func printCalendar(out io.Writer, calendar []leaving.Entry, now time.Time) {
	for _, e := range calendar {
		at := e.Time.Format(time.DateOnly)
		if !e.Time.After(now) {
			at = "now       "
		}
		fmt.Fprintf(out, "  %s  %s\n", at, printable.Text(e.What))
	}
}
