package desired

import (
	"fmt"
	"io"
	"strings"

	"github.com/jrun-hpc/jrun/printable"
)

// Line is a change as a line of a diff, without its end.
func (c Change) Line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", c.Sign(), c.Subject)
	switch {
	case c.rank == rankAdopt:
	case c.Before != "" && c.After != "":
		fmt.Fprintf(&b, ": %s → %s", c.Before, c.After)
	case c.Before+c.After != "":
		fmt.Fprintf(&b, ": %s", c.Before+c.After)
	}
	if c.Reason != "" {
		fmt.Fprintf(&b, " (%s)", c.Reason)
	}
	return printable.Line(b.String())
}

// Colours of a terminal.
var colours = map[string]string{"+": "\x1b[32m", "-": "\x1b[31m", "~": "\x1b[33m", "=": "\x1b[36m", "!": "\x1b[31m"}

const plain = "\x1b[0m"

// Write prints the plan like a diff, with colours if the reader is a terminal.
func (p Plan) Write(out io.Writer, colour bool) error {
	w := &printer{out: out, colour: colour}
	for _, c := range p.Changes {
		w.line(c.Sign(), c.Line())
	}
	w.rest(p)
	if w.lines > 0 {
		w.line("", "")
	}
	w.line("", p.Summary())
	return w.err
}

// WriteRest prints what a plan is not about to do: what is held back, and problems.
func (p Plan) WriteRest(out io.Writer, colour bool) error {
	w := &printer{out: out, colour: colour}
	w.rest(p)
	return w.err
}

func (w *printer) rest(p Plan) {
	for _, held := range []struct {
		needs Needs
		words string
	}{
		{NeedsAdopt, "Held back: jadm did not make these. --adopt takes them over:"},
		{NeedsPrune, "Held back: these take away what jadm did not give, or empty projects. --prune does it:"},
	} {
		first := true
		for _, c := range p.Held {
			if c.Needs != held.needs {
				continue
			}
			if first {
				w.heading(held.words)
				first = false
			}
			w.line(c.Sign(), "  "+c.Line())
		}
	}
	if len(p.Problems) > 0 {
		w.heading("Problems, which no change solves:")
		for _, problem := range p.Problems {
			w.line("!", "  ! "+printable.Line(fmt.Sprintf("%s: %s", problem.Subject, problem.Why)))
			w.line("", "    next: "+printable.Line(problem.Next))
		}
	}
}

// Summary is the plan in one line.
func (p Plan) Summary() string {
	counts := map[string]int{}
	for _, c := range p.Changes {
		counts[c.Sign()]++
	}
	text := "Nothing to do: Harbor is as the file says."
	if len(p.Changes) > 0 {
		text = fmt.Sprintf("%d to add, %d to change, %d to remove", counts["+"], counts["~"], counts["-"])
		if n := counts["="]; n > 0 {
			text += fmt.Sprintf(", %d to take over", n)
		}
		text += "."
	} else if len(p.Held)+len(p.Problems) > 0 {
		text = "Nothing to do."
	}
	if n := len(p.Held); n > 0 {
		text += fmt.Sprintf(" %d held back.", n)
	}
	if n := len(p.Problems); n > 0 {
		text += " " + count(n, "problem") + "."
	}
	return text
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// printer keeps the first error.
type printer struct {
	out    io.Writer
	colour bool
	lines  int
	err    error
}

func (w *printer) heading(text string) {
	if w.lines > 0 {
		w.line("", "")
	}
	w.line("", text)
}

func (w *printer) line(sign, text string) {
	if colour := colours[sign]; w.colour && colour != "" {
		text = colour + text + plain
	}
	w.lines++
	if _, err := fmt.Fprintln(w.out, text); err != nil && w.err == nil {
		w.err = err
	}
}
