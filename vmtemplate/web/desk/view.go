package desk

import (
	"bytes"
	"context"
	"time"
)

// View is one page's look at a Screen.
type View struct {
	s       *Screen
	next    int64     // byte that is sent next
	seen    int64     // the page has come so far
	moved   time.Time // when it has last told so
	stalled bool      // it did not move: nobody waits for it
	left    bool      // it was closed, and may come back
	page    string
}

// Piece is a part of a program's output.
type Piece struct {
	Bytes []byte
	End   int64 // how many bytes there were in all, with these
	Reset bool  // the page must forget what it has: these are not what follows it
}

// Attach begins a page's look, in place of the one that the same page had before; page is
// a name of its own. from is how far it had come before its connection was lost; 0 for a
// new page. Close it.
func (s *Screen) Attach(page string, from int64) *View {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := &View{s: s, page: page, next: from, seen: from, moved: time.Now()}
	if from <= 0 || from > s.total || from < s.total-ringBytes {
		v.next, v.seen, v.stalled = s.total, s.total, true // Next begins with the ring
	}
	s.views[page] = v
	s.tell()
	return v
}

// Close ends the look. A page whose connection was lost is waited for like one that does
// not move.
func (v *View) Close() {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	v.left = true
	if v.s.views[v.page] == v && (v.stalled || v.s.ended) {
		delete(v.s.views, v.page)
	}
	v.s.tell()
}

// Seen notes how far the page has come, as a Piece's End said.
func (v *View) Seen(end int64) {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	if end > v.seen && end <= v.next {
		v.seen, v.moved = end, time.Now()
		v.s.tell()
	}
}

// mostPiece is how much is sent at once.
const mostPiece = 1 << 16

// Next waits for what follows. The error is ErrEnded after the last piece, or the
// context's.
func (v *View) Next(ctx context.Context) (Piece, error) {
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if v.stalled {
			return v.begin(), nil
		}
		if v.next < s.total {
			n := min(s.total-v.next, mostPiece)
			p := Piece{Bytes: s.bytes(v.next, v.next+n), End: v.next + n}
			v.next = p.End
			return p, nil
		}
		if s.ended {
			return Piece{}, ErrEnded
		}
		if ctx.Err() != nil {
			return Piece{}, ctx.Err()
		}
		s.wait(ctx, nil)
	}
}

// begin is the ring from the beginning of a line on, for a page that has nothing.
func (v *View) begin() Piece {
	s := v.s
	start := max(0, s.total-windowBytes/2)
	all := s.bytes(start, s.total)
	if start > 0 { // a sequence or a character may be cut off before
		if i := bytes.IndexByte(all, '\n'); i >= 0 {
			all = all[i+1:]
		}
	}
	v.stalled, v.next, v.seen, v.moved = false, s.total, s.total-int64(len(all)), time.Now()
	return Piece{Bytes: all, End: s.total, Reset: true}
}

// bytes copies a part of the ring.
func (s *Screen) bytes(from, to int64) []byte {
	b := make([]byte, 0, to-from)
	for from < to {
		i := from % ringBytes
		n := min(ringBytes-i, to-from)
		b = append(b, s.ring[i:i+n]...)
		from += n
	}
	return b
}
