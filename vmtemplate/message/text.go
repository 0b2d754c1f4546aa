package message

import "time"

// Text is an entry of the catalogue with its arguments.
type Text struct {
	name string
	args []any
}

// Of is the text called name. Its arguments are printed as fmt does, but Texts, Bytes
// and Times in the reader's language.
func Of(name string, args ...any) Text { return Text{name: name, args: args} }

// Plain is what has no words of ours: a command line, a name, a size.
func Plain(value any) Text { return Text{args: []any{value}} }

// Empty reports whether there is nothing to say.
func (t Text) Empty() bool { return t.name == "" && len(t.args) == 0 }

// Name is the text's name in the catalogue; empty for a Plain one.
func (t Text) Name() string { return t.name }

// String is the text in English, for logs and tests.
func (t Text) String() string { return english.Text(t) }

// Bytes is a size, written with a unit of thousands: 12.3 MB.
type Bytes int64

// Time is a moment, written as a date and the time of day in local time.
type Time time.Time

// Date is a day, in local time.
type Date time.Time
