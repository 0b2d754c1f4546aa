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

// watch returns a context for requests, whose cause is ErrStalled after a
// silence. The clock stands until start.
func watch(ctx context.Context, limit time.Duration) (context.Context, *watchdog) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watchdog{limit: limit, cancel: cancel}
	w.timer = time.AfterFunc(limit, func() { cancel(ErrStalled) })
	w.timer.Stop()
	return ctx, w
}

// start and stop enclose the time in which somebody waits for the registry.
func (w *watchdog) start() { w.timer.Reset(w.limit) }
func (w *watchdog) stop()  { w.timer.Stop() }

// end stops the clock and releases the context.
func (w *watchdog) end() {
	w.stop()
	w.cancel(nil)
}

// watchedReader runs the clock while it reads.
type watchedReader struct {
	from     io.Reader
	watchdog *watchdog
}

func (r *watchedReader) Read(p []byte) (int, error) {
	r.watchdog.start()
	defer r.watchdog.stop()
	return r.from.Read(p)
}
