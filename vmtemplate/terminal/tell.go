package terminal

import (
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
)

// marks stand in the margin before a notice.
var marks = map[flow.Kind]struct {
	text  string
	style style
}{
	flow.Info:    {"  ", normal},
	flow.Success: {"", good}, // the terminal's mark of what is done
	flow.Warning: {"! ", warn},
	flow.Failure: {"! ", bad},
}

// Tell puts a notice on the screen for good.
func (f *full) Tell(n flow.Notice) {
	columns := f.frame.columns
	mark := marks[n.Kind]
	if mark.text == "" {
		mark.text = f.done
	}
	wide := min(columns-1, mostColumns)
	short := n.Kind == flow.Success && len(n.Body) == 0 && len(n.Table) == 0 && n.Code.Empty()
	lines := f.apart(short)
	if !n.Title.Empty() {
		lines = append(lines, prefixed(mark.text, mark.style, wrap(f.printer.Text(n.Title), wide-margin, strong))...)
	}
	for _, paragraph := range n.Body {
		lines = append(lines, text(f.printer.Text(paragraph), columns, margin, normal)...)
	}
	if len(n.Table) > 0 {
		lines = append(lines, f.rowsOf(n, columns)...)
	}
	if !n.Code.Empty() {
		lines = append(lines, nil)
		for l := range strings.SplitSeq(f.printer.Text(n.Code), "\n") {
			lines = append(lines, codeLine(l))
		}
	}
	f.frame.leave(lines...)
}

// codeLine is not wrapped by us: what is copied must be whole.
func codeLine(words string) line { return join(blanks(2*margin), cut(words, accent)) }

// rowsOf lays a notice's table out: the first column as wide as it must be, the last
// wrapped.
func (f *full) rowsOf(n flow.Notice, columns int) []line {
	first := 0
	for _, row := range n.Table {
		first = max(first, cut(f.printer.Text(row[0]), normal).width())
	}
	room := min(columns-1, mostColumns) - 2*margin
	var lines []line
	for _, row := range n.Table {
		head := cut(f.printer.Text(row[0]), accent)
		rest := make([]string, 0, len(row))
		for _, cell := range row[1:] {
			rest = append(rest, f.printer.Text(cell))
		}
		if first+between+least > room { // too narrow for two columns
			lines = append(lines, indented(wrap(head.text(), room, normal), 2*margin)...)
			lines = append(lines, indented(wrap(strings.Join(rest, " "), room-margin, normal), 3*margin)...)
			continue
		}
		for i, l := range wrap(strings.Join(rest, " "), room-first-between, normal) {
			if i > 0 {
				head = nil
			}
			lines = append(lines, join(blanks(2*margin), head.pad(first, false), blanks(between), l))
		}
	}
	return lines
}

// apart is the empty line before something, unless it is one of a list of answers.
func (f *full) apart(listed bool) []line {
	before := f.inList
	f.inList = listed
	if before && listed {
		return nil
	}
	return []line{nil}
}

// Show puts a document on the screen for good, as it is.
func (f *full) Show(d flow.Document) {
	lines := f.apart(false)
	lines = append(lines, text(f.printer.Text(d.Title), f.frame.columns, margin, strong)...)
	lines = append(lines, nil)
	for l := range strings.SplitSeq(strings.TrimRight(d.Text, "\n"), "\n") {
		lines = append(lines, join(blanks(2*margin), cut(strings.ReplaceAll(l, "\t", "    "), normal)))
	}
	f.frame.leave(lines...)
}

// answered leaves one line of a question.
func (f *full) answered(a flow.Asked, answer string) {
	if a.Label.Empty() {
		return
	}
	label := join(cut(f.done, good), cut(f.printer.Text(a.Label), normal)).pad(labelColumns, false)
	lines := wrap(answer, max(f.frame.columns-1-label.width()-1, least), strong)
	f.frame.leave(append(f.apart(true), prefixedLine(label, lines)...)...)
}

// labelColumns is how wide the labels of answers are.
const labelColumns = 16

func prefixedLine(label line, lines []line) []line {
	all := make([]line, len(lines))
	for i, l := range lines {
		if i > 0 {
			label = blanks(label.width())
		}
		all[i] = join(label, blanks(1), l)
	}
	return all
}
