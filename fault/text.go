package fault

import (
	"fmt"
	"slices"
	"strings"
)

// Text is what is said to a person: English formats with what fills them in, each
// beginning a line of its own. As with gettext, the English format is the name under
// which another language has the same.
type Text []phrase

type phrase struct {
	format string
	args   []any
}

// Say is a text. Its arguments are printed as fmt does, but errors, Texts and
// Speakers in the reader's language.
func Say(format string, args ...any) Text {
	if false {
		_ = fmt.Sprintf(format, args...) // so that vet checks the arguments
	}
	return Text{{format, args}}
}

// Lines are texts without arguments, one on each line.
func Lines(said string) (t Text) {
	for line := range strings.Lines(said) {
		t = append(t, phrase{format: strings.TrimSuffix(line, "\n")})
	}
	return t
}

// And is t with a further line.
func (t Text) And(format string, args ...any) Text { return t.Then(Say(format, args...)) }

// Then is t and what follows it, on lines of its own.
func (t Text) Then(more Text) Text { return slices.Concat(t, more) }

// String is the text in English.
func (t Text) String() string { return English.Say(t) }

// Speaker is an error or an argument that has a text: what its Error or String says
// in English.
type Speaker interface{ FaultText() Text }

// Because is a cause of our own making: fmt.Errorf, of which the text is known.
func Because(format string, args ...any) error {
	return &cause{said: fmt.Errorf(format, args...), text: Text{{format, args}}}
}

type cause struct {
	said error
	text Text
}

func (c *cause) Error() string { return c.said.Error() }

// FaultText is what the cause says.
func (c *cause) FaultText() Text { return c.text }

// Unwrap returns what was wrapped with %w.
func (c *cause) Unwrap() []error { return wrapped(c.said) }

// wrapped is what an error wraps, one or several.
func wrapped(err error) []error {
	switch e := err.(type) { //nolint:errorlint // of this error, not of what it wraps
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return []error{inner}
		}
	case interface{ Unwrap() []error }:
		return e.Unwrap()
	}
	return nil
}
