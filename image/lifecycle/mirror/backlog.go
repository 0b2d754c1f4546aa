package mirror

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// backlog is what is to be converted: of each repository the next image, and never two
// of one repository at once, so that two workers do not make the same.
type backlog struct {
	mu      sync.Mutex
	waiting map[Target]wish
	running map[Target]*Running
	dropped bool // something did not fit in: the next round finds it again
	most    int
	number  int64
	wake    chan struct{} // holds as many as there are workers
}

type wish struct {
	Conversion
	urgent bool // it was just pushed
	since  time.Time
	number int64
}

// next is why the repository is looked at after the conversion.
func (w wish) next() why {
	if w.urgent {
		return pressing
	}
	return routine
}

func newBacklog(most, workers int) *backlog {
	return &backlog{waiting: map[Target]wish{}, running: map[Target]*Running{}, most: most, wake: make(chan struct{}, workers)}
}

// put notes what a repository lacks most, instead of what was noted before; nil for
// nothing. While one of it is being converted nothing is noted: it is looked at again
// when that ends.
func (b *backlog) put(t Target, missing *Conversion, urgent bool, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if missing == nil {
		delete(b.waiting, t)
		return
	}
	if b.running[t] != nil {
		return
	}
	known, ok := b.waiting[t]
	if !ok && len(b.waiting) >= b.most {
		b.dropped = true
		return
	}
	if !ok {
		b.number++
		known = wish{since: now, number: b.number}
	}
	known.Conversion, known.urgent = *missing, known.urgent || urgent
	b.waiting[t] = known
	b.ring()
}

// drop forgets what a project lacks: it is gone.
func (b *backlog) drop(project string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.DeleteFunc(b.waiting, func(t Target, _ wish) bool { return t.Project == project })
}

func (b *backlog) ring() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take waits for work, urgent work first, then what waits longest. The caller says
// when it is done. ok is false when ctx has ended.
func (b *backlog) take(ctx context.Context, now func() time.Time) (w wish, r *Running, ok bool) {
	for ctx.Err() == nil {
		if w, r, ok := b.pick(now()); ok {
			return w, r, true
		}
		select {
		case <-b.wake:
		case <-ctx.Done():
		}
	}
	return wish{}, nil, false
}

func (b *backlog) pick(now time.Time) (w wish, r *Running, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, candidate := range b.waiting {
		if !ok || before(candidate, w) {
			w, ok = candidate, true
		}
	}
	if !ok {
		return wish{}, nil, false
	}
	delete(b.waiting, w.Target)
	r = newRunning(w.Conversion, now)
	b.running[w.Target] = r
	if len(b.waiting) > 0 {
		b.ring() // for the next worker
	}
	return w, r, true
}

func before(a, b wish) bool {
	if a.urgent != b.urgent {
		return a.urgent
	}
	return a.number < b.number
}

// done ends what take has begun. It reports whether something was dropped that there
// is room for now.
func (b *backlog) done(t Target) (dropped bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.running, t)
	if len(b.waiting) <= b.most/2 {
		dropped, b.dropped = b.dropped, false
	}
	return dropped
}

// converts reports whether something of a project is being converted.
func (b *backlog) converts(project string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for t := range b.running {
		if t.Project == project {
			return true
		}
	}
	return false
}

// now lists what runs and what waits, in the order in which it will run.
func (b *backlog) now() (running []*Running, waiting []wish) {
	b.mu.Lock()
	defer b.mu.Unlock()
	running = slices.Collect(maps.Values(b.running))
	waiting = slices.Collect(maps.Values(b.waiting))
	slices.SortFunc(running, func(x, y *Running) int { return x.Since.Compare(y.Since) })
	slices.SortFunc(waiting, func(x, y wish) int {
		switch {
		case before(x, y):
			return -1
		case before(y, x):
			return 1
		}
		return 0
	})
	return running, waiting
}
