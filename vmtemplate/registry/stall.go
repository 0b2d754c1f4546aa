package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// stallWatch ends a request on which nothing moves. A bound on the whole would end
// large layers on slow lines.
type stallWatch struct {
	timeout time.Duration
	timer   *time.Timer
	ctx     context.Context
	cancel  context.CancelCauseFunc
}

func watchStall(ctx context.Context, timeout time.Duration) (context.Context, *stallWatch) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &stallWatch{timeout: timeout, ctx: ctx, cancel: cancel}
	w.timer = time.AfterFunc(timeout, func() { cancel(ErrStalled) })
	return ctx, w
}

func (w *stallWatch) moved() { w.timer.Reset(w.timeout) }

func (w *stallWatch) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// reason is err, or that it was we who ended the request.
func (w *stallWatch) reason(err error) error {
	if cause := context.Cause(w.ctx); errors.Is(cause, ErrStalled) {
		return fmt.Errorf("%w (%s)", ErrStalled, w.timeout)
	}
	return err
}

// watchedReader tells the watch of what is read.
type watchedReader struct {
	io.ReadCloser
	watch *stallWatch
}

func (w *watchedReader) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	w.watch.moved()
	return n, err
}
