package terminal

import (
	"io"
	"strconv"
	"strings"
)

// frame is the lines at the bottom of the screen that belong to the question that is
// open. It knows what it has drawn, and sends only what differs.
type frame struct {
	out     io.Writer
	color   bool
	columns int

	drawn  []line
	row    int // of the cursor, counted from the frame's first line
	column int // of the cursor; unknown is -1
	hidden bool
	style  style // in which the terminal writes now
}

// cursor is where it stands, in a frame.
type cursor struct {
	row, column int
	visible     bool
}

// show draws lines in place of those that were drawn before, in one write.
func (f *frame) show(lines []line, at cursor) {
	var b strings.Builder
	for i, l := range lines {
		if i < len(f.drawn) {
			f.change(&b, i, f.drawn[i], l)
			continue
		}
		f.moveTo(&b, i, 0)
		f.write(&b, l)
	}
	if len(lines) < len(f.drawn) {
		f.moveTo(&b, len(lines), 0)
		b.WriteString("\x1b[J") // ED: to the end of the screen
	}
	f.drawn = lines
	if at.visible != !f.hidden {
		if at.visible {
			b.WriteString("\x1b[?25h")
		} else {
			b.WriteString("\x1b[?25l")
		}
		f.hidden = !at.visible
	}
	if at.visible || b.Len() > 0 {
		f.use(&b, normal)
		f.moveTo(&b, min(at.row, max(len(lines)-1, 0)), at.column)
	}
	f.send(b.String())
}

// change draws what of a line differs: cells in the middle, when both ends are the same.
func (f *frame) change(b *strings.Builder, row int, old, l line) {
	first, oldEnd, end := 0, len(old), len(l)
	for first < oldEnd && first < end && old[first] == l[first] {
		first++
	}
	if max(oldEnd, end) == first {
		return // nothing differs
	}
	if old.vague() || l.vague() {
		f.moveTo(b, row, 0)
		b.WriteString("\x1b[K") // EL: to the end of the line
		f.write(b, l)
		return
	}
	if old.width() == l.width() {
		for oldEnd > first && end > first && old[oldEnd-1] == l[end-1] {
			oldEnd, end = oldEnd-1, end-1
		}
	}
	f.moveTo(b, row, l[:first].width())
	f.write(b, l[first:end])
	if l.width() < old.width() {
		f.use(b, normal)
		b.WriteString("\x1b[K")
	}
}

func (f *frame) write(b *strings.Builder, l line) {
	for _, c := range l {
		// A blank looks the same in all styles that have no background.
		if c.text != " " || c.style == picked || f.style == picked {
			f.use(b, c.style)
		}
		b.WriteString(c.text)
	}
	if f.column += l.width(); l.vague() {
		f.column = unknown
	}
}

func (f *frame) use(b *strings.Builder, s style) {
	if f.style == s {
		return
	}
	f.style = s
	code := sgr[s].mono
	if f.color {
		code = sgr[s].color
	}
	b.WriteString("\x1b[" + code + "m")
}

// unknown is the column after characters whose width the terminal decides.
const unknown = -1

// moveTo goes to a place in the frame. Downwards by line feeds, which make room at the
// bottom of the screen.
func (f *frame) moveTo(b *strings.Builder, row, column int) {
	switch up := f.row - row; {
	case up == 1:
		b.WriteString("\x1b[A") // CUU
	case up > 0:
		b.WriteString("\x1b[" + strconv.Itoa(up) + "A")
	case up < 0:
		b.WriteString("\r" + strings.Repeat("\n", -up))
		f.column = 0
	}
	switch {
	case f.column == column:
	case column == 0:
		b.WriteByte('\r')
	default:
		b.WriteString("\x1b[" + strconv.Itoa(column+1) + "G") // CHA
	}
	f.row, f.column = row, column
}

// leave takes the frame off the screen and puts lines in its place for good. The next
// frame begins below.
func (f *frame) leave(lines ...line) {
	var b strings.Builder
	f.erase(&b)
	for _, l := range lines {
		f.write(&b, l)
		f.use(&b, normal)
		b.WriteString("\r\n")
	}
	f.column = 0
	f.send(b.String())
}

func (f *frame) erase(b *strings.Builder) {
	if len(f.drawn) == 0 && f.row == 0 {
		return
	}
	f.use(b, normal)
	f.moveTo(b, 0, 0)
	b.WriteString("\x1b[J")
	f.drawn = nil
}

// resize draws anew for another width. Terminals break lines that have become too
// long, so that the frame has grown.
func (f *frame) resize(columns int) {
	grown := 0
	for _, l := range f.drawn[:min(f.row, len(f.drawn))] {
		grown += max(l.width()-1, 0) / max(columns, 1)
	}
	f.row += grown
	f.column, f.columns = unknown, columns
	var b strings.Builder
	f.erase(&b)
	f.send(b.String())
}

// close leaves the terminal as it was found.
func (f *frame) close() {
	var b strings.Builder
	f.erase(&b)
	if f.hidden {
		b.WriteString("\x1b[?25h")
		f.hidden = false
	}
	f.send(b.String())
}

func (f *frame) send(text string) {
	if text != "" {
		_, _ = io.WriteString(f.out, text) // a terminal that is gone ends the input
	}
}
