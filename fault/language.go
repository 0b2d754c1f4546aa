package fault

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jrun-hpc/jrun/printable"
)

// Language says texts and errors in the words of one language.
type Language struct {
	// Words are those for an English format: a format for the same arguments, or the
	// English one where there are none. Nil is English.
	Words func(english string) string

	// System is what the machine's own errors mean; empty for those that one has to
	// read as they are. Nil is: for all.
	System func(err error) Text
}

// English is what everything is written in.
var English Language

// Say is t in words, its phrases on lines of their own.
func (l Language) Say(t Text) string {
	lines := make([]string, len(t))
	for i, p := range t {
		lines[i] = l.phrase(p)
	}
	return strings.Join(lines, "\n")
}

func (l Language) phrase(p phrase) string {
	format := p.format
	if l.Words != nil {
		format = l.Words(format)
	}
	if len(p.args) == 0 {
		return format // which may hold percent signs
	}
	args := make([]any, len(p.args))
	for i, arg := range p.args {
		args[i] = l.argument(arg)
	}
	return fmt.Sprintf(wraps.Replace(format), args...)
}

// wraps are the verbs of fmt.Errorf alone.
var wraps = strings.NewReplacer("%w", "%v", "]w", "]v")

func (l Language) argument(arg any) any {
	switch v := arg.(type) {
	case Text:
		return l.Say(v)
	case error:
		return l.Cause(v)
	case Speaker:
		return l.Say(v.FaultText())
	}
	return arg
}

// Cause is what an error says, on one line: ours in words, what others say as they
// say it, with what the system means by it in front.
func (l Language) Cause(err error) string {
	if l.Words == nil {
		return err.Error()
	}
	if text, ok := l.ours(err); ok {
		return text
	}
	return l.system(err)
}

// ours is what an error says that is, or wraps, one with a text. Packages that do not
// know this one have errors of constant words.
func (l Language) ours(err error) (text string, ok bool) {
	switch e := err.(type) { //nolint:errorlint // what this error itself says; what it wraps comes below
	case *Error:
		if e.Why == nil {
			return l.Say(e.Said()), true
		}
		return l.Say(e.Said()) + ": " + l.Cause(e.Why), true
	case Speaker:
		return l.Say(e.FaultText()), true
	}
	english := err.Error()
	if text = l.Words(english); text != english {
		return text, true
	}
	for _, inner := range wrapped(err) {
		if words, its := l.ours(inner); its {
			text, ok = strings.Replace(text, inner.Error(), words, 1), true
		}
	}
	return text, ok
}

func (l Language) system(err error) string {
	if l.System != nil {
		if words := l.System(err); len(words) > 0 {
			return l.Say(words) + " (" + err.Error() + ")"
		}
	}
	return err.Error()
}

// Format lays err out for a terminal: one line of what happened, then the reason,
// then the advice. An error that is no fault is printed on one line.
func (l Language) Format(program string, err error) string {
	return printable.Text(l.format(program, err))
}

func (l Language) format(program string, err error) string {
	var f *Error
	if !errors.As(err, &f) {
		return program + ": " + l.Cause(err) + "\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", program, l.Say(f.Said()))
	if f.Why != nil {
		fmt.Fprintf(&b, "  %s %s\n", l.Say(Say("why: ")), l.Cause(f.Why))
	}
	for line := range strings.Lines(l.Say(f.Advice())) {
		fmt.Fprintf(&b, "  %s %s\n", l.Say(Say("next:")), strings.TrimRight(line, "\n"))
	}
	return b.String()
}
