package desk

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
)

const (
	ringBytes   = 1 << 20           // of a program's output that a page can come back to
	windowBytes = ringBytes * 3 / 4 // a page may be behind by so much before the program waits
	typedBytes  = 4 << 20           // of what is typed and not read yet: people paste whole tables
	stallAfter  = 5 * time.Second   // a page that has not moved for so long is not waited for
)

// ErrEnded is returned when a shell is over and a page has seen all of it.
var ErrEnded = errors.New("the shell has ended")

// ErrTyped is returned when a program does not read what is typed.
var ErrTyped = errors.New("the program does not read what is typed")

// Screen is the terminal of a shell: a flow.Console on the program's side, and Pages on
// the other.
type Screen struct {
	mu      sync.Mutex
	moved   chan struct{} // closed and replaced when something changes
	ring    []byte        // the last bytes; byte n of all is ring[n % ringBytes]
	total   int64         // bytes that were ever written
	ended   bool
	views   map[string]*View // by page
	typed   []byte
	resized chan struct{}
	columns int
	rows    int
}

var _ flow.Console = (*Screen)(nil)

func newScreen() *Screen {
	return &Screen{
		moved: make(chan struct{}), ring: make([]byte, ringBytes), views: map[string]*View{},
		resized: make(chan struct{}, 1), columns: 80, rows: 24,
	}
}

// tell wakes everybody who waits. The screen is locked.
func (s *Screen) tell() {
	close(s.moved)
	s.moved = make(chan struct{})
}

// wait unlocks until something changes, d is over, or ctx ends, and locks again.
func (s *Screen) wait(ctx context.Context, d <-chan time.Time) {
	moved := s.moved
	s.mu.Unlock()
	select {
	case <-moved:
	case <-d:
	case <-ctx.Done():
	}
	s.mu.Lock()
}

// Interactive implements flow.Console.
func (s *Screen) Interactive() bool { return true }

// Size implements flow.Console.
func (s *Screen) Size() (columns, rows int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.columns, s.rows
}

// Resized implements flow.Console.
func (s *Screen) Resized() <-chan struct{} { return s.resized }

// Read implements flow.Console: what is typed.
func (s *Screen) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.typed) == 0 && !s.ended {
		s.wait(context.Background(), nil)
	}
	if len(s.typed) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.typed)
	s.typed = s.typed[n:]
	s.tell()
	return n, nil
}

// Write implements flow.Console: what a program says. It waits for pages that are
// behind but moving.
func (s *Screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for rest := p; len(rest) > 0; {
		room := s.room(len(rest))
		if room == 0 {
			s.waitForPages()
			continue
		}
		n := copy(s.ring[s.total%ringBytes:], rest[:room])
		s.total += int64(n)
		rest = rest[n:]
		s.tell()
	}
	return len(p), nil
}

// room is how many of n bytes may be written before a page falls out of its window.
func (s *Screen) room(n int) int {
	if s.ended {
		return n
	}
	for _, v := range s.views {
		if !v.stalled {
			n = min(n, int(max(0, v.seen+windowBytes-s.total)))
		}
	}
	return n
}

// waitForPages waits until something moves, and gives up on pages that have been behind,
// and have not moved, for too long.
func (s *Screen) waitForPages() {
	timer := time.NewTimer(stallAfter)
	defer timer.Stop()
	s.wait(context.Background(), timer.C)
	for _, v := range s.views {
		if s.total-v.seen >= windowBytes && time.Since(v.moved) >= stallAfter {
			v.stalled = true
			if v.left {
				delete(s.views, v.page)
			}
		}
	}
}

// Type is a person's typing. The error is ErrTyped when nobody reads it, or ErrEnded.
func (s *Screen) Type(p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return ErrEnded
	}
	if len(s.typed)+len(p) > typedBytes {
		return ErrTyped
	}
	s.typed = append(s.typed, p...)
	s.tell()
	return nil
}

// Resize is a page's new size, in characters. Programs are told even when it is the same,
// so that they draw anew for a page that has just come.
func (s *Screen) Resize(columns, rows int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.columns, s.rows = min(max(columns, 2), 1000), min(max(rows, 1), 1000)
	select {
	case s.resized <- struct{}{}:
	default: // it is told already, and looks at the size then
	}
}

// end lets everybody go.
func (s *Screen) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.tell()
}
