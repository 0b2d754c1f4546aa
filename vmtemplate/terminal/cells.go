package terminal

import (
	"github.com/charmbracelet/x/ansi"
	"github.com/jrun-hpc/jrun/printable"
	"golang.org/x/text/width"
)

// style is how a cell looks.
type style uint8

// Styles. What matters is never said by a style alone.
const (
	normal style = iota
	strong
	faint
	accent
	good
	bad
	warn
	picked // text that the next key replaces
)

// sgr is the select graphic rendition of each style (ECMA-48, 8.3.117), with colors and
// without.
var sgr = [...]struct{ color, mono string }{
	normal: {"0", "0"},
	strong: {"0;1", "0;1"},
	faint:  {"0;2", "0;2"},
	accent: {"0;1;36", "0;1"},
	good:   {"0;1;32", "0;1"},
	bad:    {"0;1;31", "0;1"},
	warn:   {"0;1;33", "0;1"},
	picked: {"0;7", "0;7"},
}

// cell is a character as a reader sees it, which may be several runes.
type cell struct {
	text  string
	width int
	style style
	vague bool // its width depends on the terminal
}

// line is what stands in a row of the screen.
type line []cell

// cut makes cells of text, in which nothing can control the terminal.
func cut(text string, s style) line {
	var l line
	rest := printable.Text(text)
	for rest != "" {
		cluster, columns := ansi.FirstGraphemeCluster(rest, ansi.GraphemeWidth)
		rest = rest[len(cluster):]
		if cluster == "\n" || cluster == "\t" {
			cluster, columns = " ", 1
		}
		l = append(l, cell{text: cluster, width: columns, style: s, vague: isVague(cluster)})
	}
	return l
}

// isVague: characters of ambiguous width, pictographs, and what is composed.
func isVague(cluster string) bool {
	for i, r := range cluster {
		if i > 0 || r >= 0x1f000 || r >= 0x80 && width.LookupRune(r).Kind() == width.EastAsianAmbiguous {
			return true
		}
	}
	return false
}

func (l line) width() int {
	sum := 0
	for _, c := range l {
		sum += c.width
	}
	return sum
}

func (l line) vague() bool {
	for _, c := range l {
		if c.vague {
			return true
		}
	}
	return false
}

// text is the line without styles.
func (l line) text() string {
	var b []byte
	for _, c := range l {
		b = append(b, c.text...)
	}
	return string(b)
}

// fit makes l exactly or at most columns wide; what is too long ends in dots.
func (l line) fit(columns int) line {
	if l.width() <= columns {
		return l
	}
	dots := min(2, columns)
	used, n := 0, 0
	for n < len(l) && used+l[n].width <= columns-dots {
		used += l[n].width
		n++
	}
	s := normal
	if n > 0 {
		s = l[n-1].style
	}
	return append(append(line{}, l[:n]...), cut("..."[:dots], s)...)
}

// pad fills l with blanks, behind or in front.
func (l line) pad(columns int, right bool) line {
	missing := columns - l.width()
	if missing <= 0 {
		return l
	}
	if right {
		return append(blanks(missing), l...)
	}
	return append(append(line{}, l...), blanks(missing)...)
}

func blanks(n int) line {
	l := make(line, n)
	for i := range l {
		l[i] = cell{text: " ", width: 1}
	}
	return l
}

// join puts parts behind each other.
func join(parts ...line) line {
	var l line
	for _, p := range parts {
		l = append(l, p...)
	}
	return l
}
