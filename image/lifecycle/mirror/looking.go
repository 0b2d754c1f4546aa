package mirror

import (
	"context"
	"errors"
	"os"
)

// keepLooking looks at what is marked until ctx ends, and makes a round when
// everything is. Marks and the steps of a round take turns.
func (m *Mirror) keepLooking(ctx context.Context) {
	var r *round
	failed := 0
	roundsTurn := false // a mark that fails must not keep the round from going on
	for ctx.Err() == nil {
		m.looking.Store(true)
		m.turns.Add(1)
		worked, skipped := false, roundsTurn
		var err error
		if next, ok := m.marks.nextUnless(skipped); ok {
			worked = true
			err = m.lookOrAgain(ctx, next)
		}
		roundsTurn = err != nil
		if r == nil && m.marks.all() {
			r = m.beginRound()
		}
		if r != nil && err == nil {
			worked = true
			var done bool
			if done, err = r.step(ctx); done {
				m.endRound(r)
				r = nil
			}
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			failed++
			m.tellTrouble(err)
			m.pause(ctx, failed, err)
		case worked:
			failed = 0
			m.clearTrouble()
		case skipped: // there is the mark that has failed
		default:
			m.looking.Store(false)
			select {
			case <-m.marks.wake:
			case <-ctx.Done():
			}
		}
	}
}

// tellTrouble notes why a look has failed.
func (m *Mirror) tellTrouble(err error) {
	where := atRegistry
	var path *os.PathError
	if isFull(err) || errors.As(err, &path) {
		where = atStore
	}
	if m.troubles.set(where, err, m.o.Now()) {
		m.o.Log.Warn("waiting: it cannot be compared with the registry", "where", where, "error", oneLine(err))
	}
}

func (m *Mirror) clearTrouble() {
	for _, where := range []string{atRegistry, atStore} {
		if m.troubles.set(where, nil, m.o.Now()) {
			m.o.Log.Info("going on", "where", where)
		}
	}
}

// lookOrAgain looks at a target and, when that fails, marks it again: until Harbor
// answers, or a few times when what it answers is no. The next round comes by anyway.
func (m *Mirror) lookOrAgain(ctx context.Context, next mark) error {
	err := m.look(ctx, next)
	if err == nil {
		return nil
	}
	if next.attempts++; isAway(err) || isFull(err) || next.attempts < stepTries {
		m.marks.again(next)
	} else {
		m.o.Log.Warn("left to the next round", "target", next.target.String(), "error", oneLine(err))
	}
	return err
}
