package image

import (
	"context"
	"io"
	"time"
)

// watchdog cancels the context of a request that is silent for too long. It
// runs only while somebody waits for bytes: a slow disk is no silent registry.
type watchdog struct {
	limit  time.Duration
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

// watch starts with the clock running, for the answer to a request that is to
// be made with the context returned. Its cause is ErrStalled after a silence.
func watch(ctx context.Context, limit time.Duration) (context.Context, *watchdog) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watchdog{limit: limit, cancel: cancel}
	w.timer = time.AfterFunc(limit, func() { cancel(ErrStalled) })
	return ctx, w
}

// end stops the clock and releases the context.
func (w *watchdog) end() {
	w.timer.Stop()
	w.cancel(nil)
}

// watchedReader runs the clock while it reads.
type watchedReader struct {
	from     io.Reader
	watchdog *watchdog
}

func (r *watchedReader) Read(p []byte) (int, error) {
	r.watchdog.timer.Reset(r.watchdog.limit)
	defer r.watchdog.timer.Stop()
	return r.from.Read(p)
}
