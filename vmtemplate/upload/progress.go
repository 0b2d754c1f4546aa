package upload

import (
	"io"
	"sync"
)

// Step is what a push is doing.
type Step int

// The steps, in their order.
const (
	Looking   Step = iota // what the registry has; layers it lacks are compressed
	Sending               // bytes
	Finishing             // the manifest
)

// Progress counts a push. Layers that need not go up are counted apart, so that Sent
// of ToSend is how long it will take.
type Progress struct {
	Step Step

	Layers     int   // of the image
	Compressed int64 // bytes of tars that have been compressed so far

	ToSend int64 // bytes of blobs that must go up, compressed; complete with Sending
	Sent   int64 // of these, so far. It goes back when the registry loses some
	Wire   int64 // bytes that were sent, those that had to be sent twice, too

	Existing, Mounted             int64 // bytes that did not go up
	ExistingLayers, MountedLayers int
}

// meter keeps the counts of all goroutines of a push.
type meter struct {
	mu   sync.Mutex
	now  Progress
	tell func(Progress)
}

func (m *meter) change(f func(*Progress)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(&m.now)
	if m.tell != nil {
		m.tell(m.now)
	}
}

func (m *meter) counts() Progress {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// blobMeter is the part of one blob.
type blobMeter struct {
	m *meter

	// net/http may read a body for a moment after the request has ended. What it
	// then reads is no progress of the next one.
	mu      sync.Mutex
	attempt int
	sent    int64 // of the blob
}

// at is where the registry is. It returns the attempt that goes on from there.
func (b *blobMeter) at(offset int64) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.m.change(func(p *Progress) { p.Sent += offset - b.sent })
	b.sent = offset
	b.attempt++
	return b.attempt
}

// moved is what an attempt has given to the network.
func (b *blobMeter) moved(attempt, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.attempt == attempt
	b.m.change(func(p *Progress) {
		p.Wire += int64(n)
		if now {
			p.Sent += int64(n)
		}
	})
	if now {
		b.sent += int64(n)
	}
}

// countingReader is the body of an attempt.
type countingReader struct {
	io.ReadCloser
	meter   *blobMeter
	attempt int
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.meter.moved(c.attempt, n)
	return n, err
}
