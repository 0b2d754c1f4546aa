package terminal

import (
	"os"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"golang.org/x/term"
)

// Options is what a terminal is opened with.
type Options struct {
	In, Out *os.File
	Printer *message.Printer
	Plain   bool // numbered questions, whatever the terminal can do
	Getenv  func(string) string
}

// Terminal is a face that must be closed, or the user's shell would find the terminal as
// we use it.
type Terminal interface {
	flow.Face
	Close() error
}

// Open chooses between the two ways to ask.
func Open(o Options) (Terminal, error) {
	keys, err := openInput(o.In)
	if err != nil {
		return nil, err
	}
	if o.Plain || !capable(o) {
		return &plain{in: keys, out: o.Out, printer: o.Printer, isTerminal: term.IsTerminal(int(o.In.Fd()))}, nil
	}
	return openFull(o, keys)
}

// capable reports whether the terminal can move its cursor.
func capable(o Options) bool {
	name := o.Getenv("TERM")
	return name != "" && name != "dumb" && term.IsTerminal(int(o.In.Fd())) && term.IsTerminal(int(o.Out.Fd()))
}
