package message

import (
	"errors"

	"github.com/jrun-hpc/jrun/fault"
)

// Error is a failure that a person can act on, in no language yet. See fault.Error.
type Error struct {
	What Text
	Why  error // nil when What says it all
	Next []Text
	Code int // exit status; 0 means fault.ExitFailed
}

// Fail makes an Error.
func Fail(what Text, why error, next ...Text) *Error {
	return &Error{What: what, Why: why, Next: next}
}

// Error is What and Why in English, for logs and wrapping.
func (e *Error) Error() string { return english.Cause(e) }

// Unwrap returns Why.
func (e *Error) Unwrap() error { return e.Why }

// ExitCode is the status with which a program that failed with err ends.
func ExitCode(err error) int {
	var e *Error
	if errors.As(err, &e) && e.Code != 0 {
		return e.Code
	}
	return fault.ExitCode(err)
}
