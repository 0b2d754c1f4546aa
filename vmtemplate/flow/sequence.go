package flow

import (
	"context"
	"errors"
)

// errNothingAsked is what a step returns that had nothing to ask: going back passes
// over it.
var errNothingAsked = errors.New("nothing to ask")

// step asks something and keeps the answer.
type step func(ctx context.Context) error

// sequence takes steps in order. ErrBack leads to the step before that asks; before the
// first it is the sequence's own answer.
func sequence(ctx context.Context, steps ...step) error {
	direction := 1
	for i := 0; i < len(steps); i += direction {
		if i < 0 {
			return ErrBack
		}
		switch err := steps[i](ctx); {
		case err == nil:
			direction = 1
		case errors.Is(err, ErrBack):
			direction = -1
		case errors.Is(err, errNothingAsked):
			// Go on as we came.
		default:
			return err
		}
	}
	return nil
}
