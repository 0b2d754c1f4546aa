package image

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/squash/writer"
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
	DoneBytes int64 // compressed bytes read so far, of all layers to fetch
	AllBytes  int64 // compressed bytes of all layers to fetch
	Stats     Stats // of a conversion; known in the phase Publishing

	Other string // in the phase Waiting: where the other one is
}

// Stats says what a conversion was made of.
type Stats struct {
	Layers          int   // of the image
	ReusedLayers    int   // of them, those whose data was in the store already
	FetchedBytes    int64 // of layers, as they came; what was fetched in vain included
	ReusedBytes     int64 // of the squashfs file, from another object in the store
	SharedBytes     int64 // of them, those that take no room of their own (reflinks)
	CompressedBytes int64 // of the layers' tars that were converted
}

// Progress is told what Ensure does: at every change of phase and layer, and
// ten times a second while bytes flow. Calls never overlap. It may be nil.
type Progress func(Event)

// reportInterval bounds how often bytes alone make an event.
const reportInterval = 100 * time.Millisecond

// reporter turns the doings of several goroutines into a row of events.
type reporter struct {
	mu      sync.Mutex
	to      Progress
	last    time.Time
	fetched int64 // in all attempts
	pending *store.Pending
	Event
}

func newReporter(to Progress) *reporter {
	if to == nil {
		to = func(Event) {}
	}
	return &reporter{to: to}
}

// shared is what others are told of a conversion.
type shared struct {
	Layer     int   `json:"layer"`
	Layers    int   `json:"layers"`
	DoneBytes int64 `json:"doneBytes"`
	AllBytes  int64 `json:"allBytes"`
}

// sharing tells those who wait for the object what is done of it, from now on.
func (r *reporter) sharing(pending *store.Pending) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending = pending
}

// waiting shows what another process does.
func (r *reporter) waiting(other store.Other) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Phase, r.Other = Waiting, fmt.Sprintf("%s, process %d", other.Host, other.PID)
	if other.Job != "" {
		r.Other += ", job " + other.Job
	}
	var s shared
	if json.Unmarshal(other.Progress, &s) == nil {
		r.Layer, r.Layers, r.DoneBytes, r.AllBytes = s.Layer, s.Layers, s.DoneBytes, s.AllBytes
	}
	r.to(r.Event)
}

func (r *reporter) phase(p Phase) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Phase = p
	r.to(r.Event)
}

// size says how much there is to do, at the beginning of the phase Converting:
// the layers above the lowest first.
func (r *reporter) size(first, layers int, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Layer, r.Layers, r.DoneBytes, r.AllBytes = min(first+1, layers), layers, 0, bytes
}

// publishing tells what the conversion was made of.
func (r *reporter) publishing(result writer.Result) {
	r.mu.Lock()
	r.Stats = Stats{
		Layers: r.Layers, ReusedLayers: result.Reused.Layers, FetchedBytes: r.fetched, ReusedBytes: result.Reused.Bytes,
		SharedBytes: result.Reused.SharedBytes, CompressedBytes: result.TarBytes,
	}
	r.mu.Unlock()
	r.phase(Publishing)
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
	r.fetched += int64(n)
	if now := time.Now(); now.Sub(r.last) >= reportInterval {
		r.last = now
		r.to(r.Event)
		if r.pending != nil {
			r.pending.Progress(shared{r.Layer, r.Layers, r.DoneBytes, r.AllBytes})
		}
	}
}
