package desk

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// ErrGone is returned for an answer to a question that is not open any more: another
// page has answered it, or the session went on.
var ErrGone = errors.New("this question is not open any more")

// ErrRefused is wrapped by the error of an answer that the question does not accept.
var ErrRefused = errors.New("the answer is not accepted")

// mostEntries are kept; a page needs no more than a session's last hours.
const mostEntries = 300

// Entry is something that was told or answered: one of its fields is set.
type Entry struct {
	Number   int64
	Notice   *flow.Notice
	Document *flow.Document
	Answer   *Answer
}

// Answer is a question's, for the record.
type Answer struct {
	ID    string
	Label message.Text
	Value message.Text // in the question's words; empty for a secret
}

// Question is what is open: one of Choice, Ask and Confirm is set.
type Question struct {
	Number  int64
	Choice  *flow.Choice
	Ask     *flow.Question
	Confirm *flow.Confirmation
}

// asked is what all kinds have.
func (q Question) asked() flow.Asked {
	switch {
	case q.Choice != nil:
		return q.Choice.Asked
	case q.Ask != nil:
		return q.Ask.Asked
	}
	return q.Confirm.Asked
}

// Work is something that goes on.
type Work struct {
	Number   int64
	Title    message.Text
	Progress flow.Progress
	Since    time.Time
}

// Versions say which parts of a Snapshot are new: a part's number grows with each change.
type Versions struct{ Entries, Question, Work, Shell int64 }

// Snapshot is all that a page shows.
type Snapshot struct {
	Versions Versions
	Entries  []Entry // the newest last
	Question *Question
	Work     *Work
	Shell    int64 // number of the shell that runs; 0 for none
}

// Desk is a flow.Face. Its other methods may be called by any goroutine.
type Desk struct {
	now func() time.Time

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at each change
	versions Versions
	last     int64 // number that was given last
	entries  []Entry
	question *Question
	answers  chan answer     // of the open question
	over     context.Context // done when the open question has its answer
	checking sync.Mutex      // a question's Check never runs twice at once
	work     *Work
	stop     context.CancelFunc // of the work
	shell    int64
	screen   *Screen // of the shell that runs, or ran last
}

var _ flow.Face = (*Desk)(nil)

type answer struct {
	value string
	err   error
}

// New is a desk that nobody has spoken at. now is the clock of what is shown.
func New(now func() time.Time) *Desk {
	return &Desk{now: now, changed: make(chan struct{})}
}

// Snapshot is what a page shows now.
func (d *Desk) Snapshot() Snapshot {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Snapshot{Versions: d.versions, Entries: append([]Entry(nil), d.entries...), Shell: d.shell}
	if d.question != nil {
		q := *d.question
		s.Question = &q
	}
	if d.work != nil {
		w := *d.work
		s.Work = &w
	}
	return s
}

// Changed is closed when something changes after the call.
func (d *Desk) Changed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changed
}

// change runs do with the desk locked, and tells the pages.
func (d *Desk) change(do func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	do()
	close(d.changed)
	d.changed = make(chan struct{})
}

// number gives one that was never given. The desk is locked.
func (d *Desk) number() int64 {
	d.last++
	return d.last
}

// add puts an entry on record. The desk is locked.
func (d *Desk) add(e Entry) {
	e.Number = d.number()
	d.entries = append(d.entries, e)
	if len(d.entries) > mostEntries {
		d.entries = append([]Entry(nil), d.entries[len(d.entries)-mostEntries:]...)
	}
	d.versions.Entries++
}

// Tell implements flow.Face.
func (d *Desk) Tell(n flow.Notice) { d.change(func() { d.add(Entry{Notice: &n}) }) }

// Show implements flow.Face.
func (d *Desk) Show(doc flow.Document) { d.change(func() { d.add(Entry{Document: &doc}) }) }

// Clear forgets what was told, for a session that begins anew.
func (d *Desk) Clear() {
	d.change(func() {
		d.entries = nil
		d.versions.Entries++
	})
}
