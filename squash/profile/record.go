package profile

import (
	"io"
	"sync"
	"sync/atomic"
)

// maxReads bounds what a recorder remembers: 1 MiB.
const maxReads = 64 << 10

// Recorder passes reads on and remembers where they went. It is safe for
// concurrent use.
type Recorder struct {
	src     io.ReaderAt
	stopped atomic.Bool
	mu      sync.Mutex
	reads   []Range
}

// Record begins to record reads of src.
func Record(src io.ReaderAt) *Recorder { return &Recorder{src: src} }

// ReadAt is io.ReaderAt.
func (r *Recorder) ReadAt(p []byte, off int64) (int, error) {
	if !r.stopped.Load() {
		r.mu.Lock()
		if len(r.reads) < maxReads {
			r.reads = append(r.reads, Range{off, int64(len(p))})
		}
		r.mu.Unlock()
	}
	return r.src.ReadAt(p, off)
}

// Stop ends the recording and returns what was read. Reads are still passed on.
// Only the first call returns a profile.
func (r *Recorder) Stop() Profile {
	r.stopped.Store(true)
	r.mu.Lock()
	defer r.mu.Unlock()
	reads := r.reads
	r.reads = nil
	return merge(reads)
}
