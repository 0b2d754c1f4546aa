package fault

import "errors"

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

	said, advice Text // What and Next with their arguments
}

// New makes a fault. Next may hold several lines, one suggestion each; it is a string,
// or a Text when it has arguments.
func New[N string | Text](what string, why error, next N) *Error {
	return newError(Text{{format: what}}, why, lines(next))
}

// Newf is New with a formatted What.
func Newf[N string | Text](why error, next N, format string, args ...any) *Error {
	return newError(Say(format, args...), why, lines(next))
}

func newError(said Text, why error, advice Text) *Error {
	return &Error{What: said.String(), Why: why, Next: advice.String(), said: said, advice: advice}
}

func lines[N string | Text](next N) Text {
	switch v := any(next).(type) {
	case Text:
		return v
	case string:
		return Lines(v)
	}
	return nil
}

// Said is What as a text.
func (e *Error) Said() Text { return sameAs(e.What, e.said) }

// Advice is Next as a text.
func (e *Error) Advice() Text { return sameAs(e.Next, e.advice) }

// Advise is e with other advice.
func (e *Error) Advise(next Text) *Error {
	other := *e
	other.Next, other.advice = next.String(), next
	return &other
}

// sameAs is the text of what a field says, which somebody may have set since.
func sameAs(field string, text Text) Text {
	if text.String() == field {
		return text
	}
	return Lines(field)
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

// Format lays err out for a terminal in English.
func Format(program string, err error) string { return English.Format(program, err) }
