package mirror

import (
	"container/list"
	"sync"
	"time"
)

// mostMarks bounds how many targets are remembered. Each takes some hundred bytes.
const mostMarks = 10_000

// marks is the set of targets that are to be looked at: those that press first, each kind in the order in which they were marked. When it is full, everything
// is marked instead.
type marks struct {
	mu         sync.Mutex
	of         map[Target]*list.Element
	pressing   *list.List // of mark
	routine    *list.List
	everything bool
	most       int
	wake       chan struct{} // holds one, when something was marked
}

// why says why something is to be looked at.
type why int

const (
	routine  why = iota // it may have changed
	pressing            // of what was told of, something was just converted
	told                // Harbor has told of it: somebody has just pushed, and may run it next
)

type mark struct {
	target Target
	since  time.Time
	why    why

	attempts int // that failed
}

func newMarks(most int) *marks {
	return &marks{of: map[Target]*list.Element{}, pressing: list.New(), routine: list.New(), most: most, wake: make(chan struct{}, 1)}
}

// add marks a target; one that is marked keeps its place, unless it is told of now.
func (m *marks) add(t Target, w why, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer m.ring()
	e, ok := m.of[t]
	switch {
	case ok && w > m.mark(e).why:
		known := m.remove(e)
		known.why = w
		m.push(known)
	case ok:
	case len(m.of) >= m.most:
		m.everything = true
	default:
		m.push(mark{target: t, since: now, why: w})
	}
}

// again marks what could not be looked at, behind all others.
func (m *marks) again(failed mark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.of[failed.target]; !ok {
		m.push(failed)
	}
}

func (m *marks) push(k mark) { m.of[k.target] = m.orderOf(k).PushBack(k) }

func (m *marks) remove(e *list.Element) mark {
	k := m.mark(e)
	m.orderOf(k).Remove(e)
	delete(m.of, k.target)
	return k
}

func (m *marks) mark(e *list.Element) mark { return e.Value.(mark) } //nolint:forcetypeassert // the lists have nothing else

func (m *marks) orderOf(k mark) *list.List {
	if k.why == routine {
		return m.routine
	}
	return m.pressing
}

// addAll marks everything.
func (m *marks) addAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.everything = true
	m.ring()
}

func (m *marks) ring() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// nextUnless takes the target that is next; ok is false when there is none, or when it
// is somebody else's turn.
func (m *marks) nextUnless(othersTurn bool) (next mark, ok bool) {
	if othersTurn {
		return mark{}, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, order := range []*list.List{m.pressing, m.routine} {
		if front := order.Front(); front != nil {
			return m.remove(front), true
		}
	}
	return mark{}, false
}

// all reports, once, that everything is marked.
func (m *marks) all() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	everything := m.everything
	m.everything = false
	return everything
}

// waiting is how many there are, and since when the oldest waits.
func (m *marks) waiting() (n int, oldest time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, order := range []*list.List{m.pressing, m.routine} {
		if front := order.Front(); front != nil && (oldest.IsZero() || m.mark(front).since.Before(oldest)) {
			oldest = m.mark(front).since
		}
	}
	return len(m.of), oldest
}

// pending reports whether everything is marked.
func (m *marks) pending() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.everything
}
