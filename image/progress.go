package image

import (
	"sync"
	"time"
)

// Phase is what Ensure is doing.
type Phase int

// Phases in the order in which they come; Waiting may be left out or come last.
const (
	Resolving  Phase = iota + 1 // asking what the name stands for
	Fetching                    // reading manifest and config
	Waiting                     // another jrun converts the same image
	Converting                  // layers are fetched and written
	Publishing                  // the file is complete and made durable
)

func (p Phase) String() string {
	names := [...]string{"", "resolving", "fetching", "waiting for another jrun", "converting", "publishing"}
	if p > 0 && int(p) < len(names) {
		return names[p]
	}
	return "working"
}

// Event is a moment in the course of Ensure.
type Event struct {
	Phase     Phase
	Layer     int   // the highest layer begun, from 1; 0 before Converting
	Layers    int   // how many there are; 0 while unknown
	DoneBytes int64 // compressed bytes read so far, of all layers
	AllBytes  int64 // compressed bytes of all layers
}

// Progress is told what Ensure does: at every change of phase and layer, and
// ten times a second while bytes flow. Calls never overlap. It may be nil.
type Progress func(Event)

// reportInterval bounds how often bytes alone make an event.
const reportInterval = 100 * time.Millisecond

// reporter turns the doings of several goroutines into a row of events.
type reporter struct {
	mu   sync.Mutex
	to   Progress
	last time.Time
	Event
}

func newReporter(to Progress) *reporter {
	if to == nil {
		to = func(Event) {}
	}
	return &reporter{to: to}
}

func (r *reporter) phase(p Phase) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Phase = p
	r.to(r.Event)
}

// size says how much there is to do, before the phase Converting.
func (r *reporter) size(layers int, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Layer, r.Layers, r.AllBytes = 1, layers, bytes
}

// begin says that layer i, from 1, is being read.
func (r *reporter) begin(i int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i > r.Layer {
		r.Layer = i
		r.to(r.Event)
	}
}

func (r *reporter) add(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.DoneBytes += int64(n)
	if now := time.Now(); now.Sub(r.last) >= reportInterval {
		r.last = now
		r.to(r.Event)
	}
}
