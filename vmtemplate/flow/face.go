package flow

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// How a question can end without an answer.
var (
	ErrBack        = errors.New("back to the question before")
	ErrInterrupted = errors.New("interrupted by the user")
	ErrFaceGone    = errors.New("nobody can answer any more")
)

// Face asks and tells. Its methods block until there is an answer, and return ErrBack,
// ErrInterrupted, or the context's error when there will be none. They are called from
// one goroutine.
type Face interface {
	// Choose returns the Key of one row.
	Choose(ctx context.Context, c Choice) (string, error)
	// Ask returns a line that Check has accepted.
	Ask(ctx context.Context, q Question) (string, error)
	// Confirm returns whether the answer is yes.
	Confirm(ctx context.Context, c Confirmation) (bool, error)
	// Tell shows n and does not wait.
	Tell(n Notice)
	// Show shows a text of many lines and does not wait.
	Show(d Document)
	// Work shows that something is being done, and how far it is, until do returns.
	// An interruption ends do's context; Work then returns ErrInterrupted.
	Work(ctx context.Context, title message.Text, do func(ctx context.Context, report func(Progress)) error) error
	// Shell hands the keyboard and the screen over until do returns.
	Shell(ctx context.Context, do func(ctx context.Context, c Console) error) error
}

// Asked is what all questions have.
type Asked struct {
	ID    string       // stable: "base", "tag"
	Title message.Text // the question
	Label message.Text // one or two words for what is asked, to list answers by; empty: do not list it
	Help  message.Text // a sentence or two of why, and what it means; may be empty
	Flag  string       // the command that answers it: jbuild new --base IMAGE
}

// Choice is a question with a list of answers.
type Choice struct {
	Asked
	Columns []Column // their heads; none: the cells speak for themselves
	Rows    []Row
	Default string // the Key that is proposed
	Search  bool   // the list may be long: offer to search it
}

// Column is how cells that stand below each other are drawn.
type Column struct {
	Title message.Text
	Right bool // numbers
	Spare bool // may be left out where there is no room: the row's Note says it, too
}

// Row is one answer.
type Row struct {
	Key   string // what Choose returns
	Cells []message.Text
	Note  message.Text // more about it, shown while it is the one proposed
	Stays bool         // shown whatever is searched for: another way to an answer
	Badge Badge        // a Face that has room may show it beside the cells
}

// Badge is a few words about an answer, with their tone.
type Badge struct {
	Text message.Text // may be empty
	Kind Kind
}

// Question asks for a line of text.
type Question struct {
	Asked
	Default string
	Secret  bool // must not be shown: a password
	// Check judges what has been typed so far; nil accepts anything. It may be called
	// with each key, from another goroutine but never twice at the same time, and its
	// context ends when the text has changed. It has returned before Ask does. The
	// answer is what it accepts.
	Check func(ctx context.Context, typed string) Verdict
}

// Verdict is what can be said of a text.
type Verdict struct {
	Note message.Text // what it would mean; may be empty
	Bad  message.Text // why it cannot be used; empty when it can
}

// Confirmation asks yes or no.
type Confirmation struct {
	Asked
	Yes, No message.Text // what the answers mean; empty: just yes and no
	Default bool
}

// Kind is the tone of a Notice.
type Kind string

// The kinds of notices.
const (
	Info    Kind = "info"
	Success Kind = "success"
	Warning Kind = "warning"
	Failure Kind = "failure"
)

// Notice is something to know.
type Notice struct {
	ID    string
	Kind  Kind
	Title message.Text
	Body  []message.Text   // paragraphs
	Table [][]message.Text // rows of cells
	Code  message.Text     // something to copy, as it is; a line or several
}

// Document is a longer text, shown as it is.
type Document struct {
	ID    string
	Title message.Text
	Text  string
}

// Progress is how far something is. The zero value says only that it goes on.
type Progress struct {
	Phase     message.Text  // what is being done now; may be empty
	Done, All int64         // bytes; All is 0 when it is not known
	There     int64         // bytes of All that need not be sent, because they are there already
	Rate      int64         // bytes a second; 0 when it is not known yet
	Left      time.Duration // until the end, at this rate; 0 when it is not known
}

// Console is the keyboard and the screen, for a program.
type Console interface {
	// Reader gives what is typed, byte by byte, and ends when the face is gone.
	io.Reader
	io.Writer
	// Interactive reports whether a person types: otherwise lines come from a file, and
	// there is nothing to draw on.
	Interactive() bool
	// Size is the screen's, in characters.
	Size() (columns, rows int)
	// Resized gets a value when Size has changed.
	Resized() <-chan struct{}
}
