package mirror

import (
	"sync"
	"time"

	"github.com/jrun-hpc/jrun/image"
)

// Running is a conversion that is under way.
type Running struct {
	Conversion
	Since time.Time

	mu   sync.Mutex
	last image.Event
}

func newRunning(c Conversion, now time.Time) *Running { return &Running{Conversion: c, Since: now} }

// progress is an image.Progress.
func (r *Running) progress(e image.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = e
}

// Event is how far it is.
func (r *Running) Event() image.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}
