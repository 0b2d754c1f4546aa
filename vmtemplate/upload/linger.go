package upload

import (
	"context"
	"time"
)

// defaultGrace is enough for a chunk at 7 MB/s, and short for somebody who has typed
// Ctrl-C.
const defaultGrace = 5 * time.Second

// linger is ctx for a chunk: when that ends, the chunk may still arrive for a while.
// To distribution 2.8 half a chunk is worse than none: see the package's essay.
func linger(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-late.Done():
		}
	})
	return late, func() {
		stop()
		cancel()
	}
}
