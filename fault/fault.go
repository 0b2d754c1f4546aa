package fault

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jrun-hpc/jrun/printable"
)

// Exit codes of jrun itself, as in env(1), docker(1) and the POSIX shell.
const (
	ExitFailed        = 125 // jrun failed before the command ran
	ExitNotExecutable = 126
	ExitNotFound      = 127
)

// Error is a failure that a person can act on.
type Error struct {
	What string // what happened, one line without a full stop
	Why  error  // the cause; nil when What says it all
	Next string // what to type or whom to ask; one or more lines
	Code int    // exit status; 0 means ExitFailed
}

// New makes a fault. Next may hold several lines, one suggestion each.
func New(what string, why error, next string) *Error {
	return &Error{What: what, Why: why, Next: next}
}

// Newf is New with a formatted What.
func Newf(why error, next, format string, args ...any) *Error {
	return &Error{What: fmt.Sprintf(format, args...), Why: why, Next: next}
}

// Error returns What and Why on one line, for logs and wrapping.
func (e *Error) Error() string {
	if e.Why == nil {
		return e.What
	}
	return e.What + ": " + e.Why.Error()
}

// Unwrap returns Why.
func (e *Error) Unwrap() error { return e.Why }

// ExitCode is the status with which a program that failed with err ends.
func ExitCode(err error) int {
	var f *Error
	if errors.As(err, &f) && f.Code != 0 {
		return f.Code
	}
	return ExitFailed
}

// Format lays err out for a terminal: one line of what happened, then the
// reason, then the advice. An error that is no fault is printed on one line.
func Format(program string, err error) string { return printable.Text(format(program, err)) }

func format(program string, err error) string {
	var f *Error
	if !errors.As(err, &f) {
		return fmt.Sprintf("%s: %v\n", program, err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", program, f.What)
	if f.Why != nil {
		fmt.Fprintf(&b, "  why:  %v\n", f.Why)
	}
	for line := range strings.Lines(f.Next) {
		fmt.Fprintf(&b, "  next: %s\n", strings.TrimRight(line, "\n"))
	}
	return b.String()
}
