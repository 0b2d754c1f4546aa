package terminal

import "strings"

// editor is a line that is being typed.
type editor struct {
	text   line
	at     int  // cells in front of the cursor
	picked bool // all of it: what is typed next replaces it
}

func newEditor(proposed string) *editor {
	l := cut(proposed, normal)
	return &editor{text: l, at: len(l), picked: len(l) > 0}
}

func (e *editor) String() string { return e.text.text() }

// key edits, and reports whether the text has changed.
func (e *editor) key(k key) bool {
	before := e.String()
	wasPicked := e.picked
	e.picked = false
	switch k.name {
	case "text":
		if wasPicked {
			e.text, e.at = nil, 0
		}
		e.insert(k.text)
	case "left":
		e.at = max(e.at-1, 0)
	case "right":
		e.at = min(e.at+1, len(e.text))
	case "home":
		e.at = 0
	case "end":
		e.at = len(e.text)
	case "backspace":
		e.remove(e.at-1, e.at)
	case "delete", "ctrl+d":
		e.remove(e.at, e.at+1)
	case "ctrl+u":
		e.remove(0, e.at)
	case "ctrl+k":
		e.remove(e.at, len(e.text))
	case "ctrl+w":
		e.remove(e.wordBefore(), e.at)
	default:
		e.picked = wasPicked
	}
	return e.String() != before
}

// insert puts text at the cursor. A combining character joins the one before it.
func (e *editor) insert(text string) {
	head := cut(e.text[:e.at].text()+text, normal)
	e.text = join(head, e.text[e.at:])
	e.at = len(head)
}

func (e *editor) remove(from, to int) {
	from, to = max(from, 0), min(to, len(e.text))
	if from >= to {
		return
	}
	e.text = append(append(line{}, e.text[:from]...), e.text[to:]...)
	e.at = from
}

// wordBefore is where the word before the cursor begins; names have other ends of
// words than blanks.
func (e *editor) wordBefore() int {
	const ends = " /:.-_"
	n := e.at
	for n > 0 && strings.Contains(ends, e.text[n-1].text) {
		n--
	}
	for n > 0 && !strings.Contains(ends, e.text[n-1].text) {
		n--
	}
	return n
}

// view is the line in a window of some columns around the cursor, and the cursor's
// column in it.
func (e *editor) view(columns int) (line, int) {
	from := 0
	for e.text[from:e.at].width() > max(columns-1, 1) {
		from++
	}
	l := append(line{}, e.text[from:]...)
	n, used := 0, 0
	for n < len(l) && used+l[n].width <= columns {
		used += l[n].width
		n++
	}
	l = l[:n]
	if e.picked {
		for i := range l {
			l[i].style = picked
		}
	}
	return l, e.text[from:e.at].width()
}
