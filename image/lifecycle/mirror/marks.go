package mirror

import (
	"container/list"
	"sync"
	"time"
)

// mostMarks bounds how many targets are remembered. Each takes some hundred bytes.
const mostMarks = 10_000

// marks is the set of targets that are to be looked at, in the order in which they
// were marked first. When it is full, everything is marked instead.
type marks struct {
	mu         sync.Mutex
	of         map[Target]*list.Element
	order      *list.List // of mark
	everything bool
	most       int
	wake       chan struct{} // holds one, when something was marked
}

type mark struct {
	target Target
	since  time.Time
	hinted bool // by Harbor: somebody has just pushed, and may run it next

	attempts int // that failed
}

func newMarks(most int) *marks {
	return &marks{of: map[Target]*list.Element{}, order: list.New(), most: most, wake: make(chan struct{}, 1)}
}

// add marks a target; one that is marked keeps its place.
func (m *marks) add(t Target, hinted bool, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer m.ring()
	if e, ok := m.of[t]; ok {
		known := e.Value.(mark) //nolint:forcetypeassert // the list has nothing else
		known.hinted = known.hinted || hinted
		e.Value = known
		return
	}
	if len(m.of) >= m.most {
		m.everything = true
		return
	}
	m.of[t] = m.order.PushBack(mark{target: t, since: now, hinted: hinted})
}

// again marks what could not be looked at, behind all others.
func (m *marks) again(failed mark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.of[failed.target]; !ok {
		m.of[failed.target] = m.order.PushBack(failed)
	}
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

// nextUnless takes the target that waits longest; ok is false when there is none, or
// when it is somebody else's turn.
func (m *marks) nextUnless(othersTurn bool) (next mark, ok bool) {
	if othersTurn {
		return mark{}, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	front := m.order.Front()
	if front == nil {
		return mark{}, false
	}
	next = m.order.Remove(front).(mark) //nolint:forcetypeassert // the list has nothing else
	delete(m.of, next.target)
	return next, true
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
	if front := m.order.Front(); front != nil {
		oldest = front.Value.(mark).since //nolint:forcetypeassert // the list has nothing else
	}
	return len(m.of), oldest
}

// pending reports whether everything is marked.
func (m *marks) pending() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.everything
}
