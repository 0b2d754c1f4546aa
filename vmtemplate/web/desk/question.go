package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// Choose implements flow.Face.
func (d *Desk) Choose(ctx context.Context, c flow.Choice) (string, error) {
	return d.open(ctx, &Question{Choice: &c})
}

// Ask implements flow.Face.
func (d *Desk) Ask(ctx context.Context, q flow.Question) (string, error) {
	return d.open(ctx, &Question{Ask: &q})
}

// Confirm implements flow.Face.
func (d *Desk) Confirm(ctx context.Context, c flow.Confirmation) (bool, error) {
	value, err := d.open(ctx, &Question{Confirm: &c})
	return value == yes, err
}

// The answers to a Confirmation.
const (
	yes = "yes"
	no  = "no"
)

// open shows a question until it is answered.
func (d *Desk) open(ctx context.Context, q *Question) (string, error) {
	answers := make(chan answer, 1)
	over, end := context.WithCancel(context.Background())
	defer end()
	d.change(func() {
		q.Number = d.number()
		d.question, d.answers, d.over = q, answers, over
		d.versions.Question++
	})
	var a answer
	select {
	case a = <-answers:
	case <-ctx.Done():
		a = answer{err: ctx.Err()}
	}
	// A check that is still at work must not outlast the question, nor keep it: a registry
	// may take its time.
	end()
	d.checking.Lock()
	defer d.checking.Unlock()
	d.change(func() {
		d.question, d.answers, d.over = nil, nil, nil
		d.versions.Question++
		if a.err == nil && !q.asked().Label.Empty() {
			d.add(Entry{Answer: &Answer{ID: q.asked().ID, Label: q.asked().Label, Value: q.inWords(a.value)}})
		}
	})
	return a.value, a.err
}

// inWords is an answer as the question writes it; nothing for a secret.
func (q *Question) inWords(value string) message.Text {
	switch {
	case q.Choice != nil:
		for _, row := range slices.Concat(q.Choice.Rows, q.Choice.Shortcuts) {
			if row.Key == value && len(row.Cells) > 0 {
				return row.Cells[0]
			}
		}
	case q.Ask != nil && q.Ask.Secret:
		return message.Text{}
	case q.Confirm != nil && value == yes:
		return q.Confirm.Yes
	case q.Confirm != nil:
		return q.Confirm.No
	}
	return message.Plain(value)
}

// current is the open question, if it has the number.
func (d *Desk) current(number int64) (q *Question, answers chan answer, over context.Context, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.question == nil || d.question.Number != number {
		return nil, nil, nil, ErrGone
	}
	return d.question, d.answers, d.over, nil
}

// Check judges what has been typed so far, for an open Ask. An answer ends it: ErrGone.
func (d *Desk) Check(ctx context.Context, number int64, typed string) (flow.Verdict, error) {
	d.checking.Lock()
	defer d.checking.Unlock()
	q, _, over, err := d.current(number)
	if err != nil {
		return flow.Verdict{}, err
	}
	if q.Ask == nil || q.Ask.Check == nil {
		return flow.Verdict{}, nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(over, func() { cancel(ErrGone) })()
	v := q.Ask.Check(ctx, typed)
	if ctx.Err() != nil {
		return v, context.Cause(ctx)
	}
	return v, nil
}

// RefusedError says why an answer is not accepted.
type RefusedError struct{ Why message.Text }

func (e *RefusedError) Error() string { return ErrRefused.Error() + ": " + e.Why.String() }

// Unwrap is ErrRefused.
func (e *RefusedError) Unwrap() error { return ErrRefused }

// Answer answers a question: with the Key of a row, a line, yes or no. The error is
// ErrGone, or wraps ErrRefused.
func (d *Desk) Answer(ctx context.Context, number int64, value string) error {
	q, answers, _, err := d.current(number)
	if err != nil {
		return err
	}
	switch {
	case q.Choice != nil:
		if !slices.ContainsFunc(slices.Concat(q.Choice.Rows, q.Choice.Shortcuts), func(r flow.Row) bool { return r.Key == value }) {
			return fmt.Errorf("%w: it is none of the list", ErrRefused)
		}
	case q.Confirm != nil:
		if value != yes && value != no {
			return fmt.Errorf("%w: %s is neither yes nor no", ErrRefused, strconv.Quote(value))
		}
	default:
		v, err := d.Check(ctx, number, value)
		if err != nil {
			return err
		}
		if !v.Bad.Empty() {
			return &RefusedError{v.Bad}
		}
	}
	return give(answers, answer{value: value})
}

// Back goes back to the question before.
func (d *Desk) Back(number int64) error {
	_, answers, _, err := d.current(number)
	if err != nil {
		return err
	}
	return give(answers, answer{err: flow.ErrBack})
}

// give is for the first answer only.
func give(answers chan answer, a answer) error {
	select {
	case answers <- a:
		return nil
	default:
		return ErrGone
	}
}

// Work implements flow.Face.
func (d *Desk) Work(ctx context.Context, title message.Text, do func(context.Context, func(flow.Progress)) error) error {
	inner, stop := context.WithCancel(ctx)
	defer stop()
	var number int64
	d.change(func() {
		number = d.number()
		d.work, d.stop = &Work{Number: number, Title: title, Since: d.now()}, stop
		d.versions.Work++
	})
	err := do(inner, func(p flow.Progress) {
		d.change(func() {
			if d.work != nil && d.work.Number == number {
				d.work.Progress = p
				d.versions.Work++
			}
		})
	})
	d.change(func() {
		d.work, d.stop = nil, nil
		d.versions.Work++
	})
	if err != nil && inner.Err() != nil && ctx.Err() == nil {
		return errors.Join(flow.ErrInterrupted, err)
	}
	return err
}

// Stop interrupts the work that has the number.
func (d *Desk) Stop(number int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.work == nil || d.work.Number != number {
		return ErrGone
	}
	d.stop()
	return nil
}
