package terminal

import (
	"fmt"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"golang.org/x/text/width"
)

// list is a Choice that is open.
type list struct {
	printer *message.Printer
	choice  flow.Choice
	cells   [][]string // of all rows, in the reader's language
	shown   []int      // rows that fit the search
	at      int        // in shown
	top     int        // first of shown that is on the screen
	page    int        // rows on the screen
	search  *editor
	answer  string
}

func newList(p *message.Printer, c flow.Choice) *list {
	l := &list{printer: p, choice: c, search: newEditor(""), page: 1}
	for i, row := range c.Rows {
		cells := make([]string, len(row.Cells))
		for j, t := range row.Cells {
			cells[j] = p.Text(t)
		}
		l.cells = append(l.cells, cells)
		l.shown = append(l.shown, i)
		if row.Key == c.Default {
			l.at = i
		}
	}
	return l
}

func (l *list) events() <-chan func() (bool, error) { return nil }

func (l *list) key(k key) (bool, error) {
	last := len(l.shown) - 1
	switch k.name {
	case "up", "shift+tab":
		l.at = max(l.at-1, 0)
	case "down", "tab":
		l.at = min(l.at+1, last)
	case "pageup":
		l.at = max(l.at-l.page, 0)
	case "pagedown":
		l.at = min(l.at+l.page, last)
	case "enter":
		return l.take(l.at)
	case "esc":
		if l.search.String() != "" {
			l.search = newEditor("")
			l.filter()
			return false, nil
		}
		return false, flow.ErrBack
	case "home", "end":
		if l.search.String() == "" {
			l.at = map[string]int{"home": 0, "end": last}[k.name]
			return false, nil
		}
		l.search.key(k)
	default:
		if !l.choice.Search {
			return l.digit(k)
		}
		if l.search.key(k) {
			l.filter()
		}
	}
	return false, nil
}

// digit chooses by a row's number; 0 goes back.
func (l *list) digit(k key) (bool, error) {
	typed := width.Fold.String(k.text)
	if len(typed) != 1 || typed[0] < '0' || typed[0] > '9' {
		return false, nil
	}
	if typed == "0" {
		return false, flow.ErrBack
	}
	return l.take(int(typed[0] - '1'))
}

func (l *list) take(at int) (bool, error) {
	if at < 0 || at >= len(l.shown) {
		return false, nil
	}
	l.answer = l.choice.Rows[l.shown[at]].Key
	return true, nil
}

// filter keeps the rows that have all words of the search. Letters may be typed wide,
// as input methods for Japanese do.
func (l *list) filter() {
	l.shown, l.at, l.top = nil, 0, 0
	for i, row := range l.choice.Rows {
		if row.Stays || matches(l.cells[i], l.search.String()) {
			l.shown = append(l.shown, i)
		}
	}
}

func matches(cells []string, search string) bool {
	all := fold(strings.Join(cells, " "))
	for _, word := range strings.Fields(fold(search)) {
		if !strings.Contains(all, word) {
			return false
		}
	}
	return true
}

func fold(text string) string { return strings.ToLower(width.Fold.String(text)) }

func (l *list) draw(columns, rows int) ([]line, cursor) {
	title := text(l.printer.Text(l.choice.Title), columns, margin, strong)
	help := text(l.printer.Text(l.choice.Help), columns, margin, normal)
	head, body, vague := l.table(columns)
	note := l.note(columns, vague)
	keys := keyLine(l.printer, l.keys(), columns)
	flag := flagLine(l.printer, l.choice.Flag, columns)

	// The list gets what the rest leaves, but five rows before anything optional.
	fixed := len(title) + len(keys)
	if l.choice.Search {
		fixed++
	}
	full := fixed + len(help) + len(note) + len(flag) + 4
	if len(head) > 0 {
		full++
	}
	l.page = max(min(len(body), max(rows-full, min(5, rows-fixed))), 1)
	window := l.window(body)

	lines, begins := stack(rows,
		part{blank, 2}, part{title, 0}, part{help, 4}, part{l.searchLine(columns), 0},
		part{blank, 1}, part{head, 6}, part{window, 0},
		part{blank, 1}, part{note, 5}, part{blankUnless(len(note) == 0), 1}, part{keys, 0}, part{flag, 3})
	at := cursor{row: begins[6] + l.at - l.top}
	if l.choice.Search {
		_, column := l.search.view(searchColumns)
		at = cursor{row: begins[3], column: margin + cut(l.printer.Say("terminal.search"), normal).width() + 1 + column, visible: true}
	}
	return lines, at
}

// searchColumns is how much of a search is seen.
const searchColumns = 24

// searchLine is where the search is typed, and how much of the list is on the screen.
func (l *list) searchLine(columns int) []line {
	if !l.choice.Search {
		return nil
	}
	typed, _ := l.search.view(searchColumns)
	found := join(blanks(margin), cut(l.printer.Say("terminal.search"), strong), blanks(1), typed)
	if total := len(l.choice.Rows); len(l.shown) < total || l.page < len(l.shown) {
		count := cut(l.printer.Say("terminal.shown", l.top+1, min(l.top+l.page, len(l.shown)), len(l.shown)), faint)
		if room := columns - 1 - margin - found.width(); room > count.width() {
			found = join(found.pad(columns-1-margin-count.width(), false), count)
		}
	}
	return []line{found.fit(columns - 1)}
}

// window is the part of the body that is on the screen: it follows the row that is
// proposed.
func (l *list) window(body []line) []line {
	if l.at < l.top {
		l.top = l.at
	}
	if l.at >= l.top+l.page {
		l.top = l.at - l.page + 1
	}
	l.top = max(min(l.top, len(body)-l.page), 0)
	return body[l.top:min(l.top+l.page, len(body))]
}

// note says more about the proposed row. The room for the longest is kept, so that
// nothing jumps.
func (l *list) note(columns int, cut []bool) []line {
	var now []line
	most := 0
	for n, i := range l.shown {
		row := l.choice.Rows[i]
		words := l.printer.Text(row.Note)
		if !cut[n] {
			for _, cell := range l.cells[i] {
				if cell == words {
					words = "" // it is there already
				}
			}
		}
		lines := text(words, columns, margin, normal)
		most = max(most, len(lines))
		if n == l.at {
			now = lines
		}
	}
	for len(now) < most {
		now = append(now, nil)
	}
	return now
}

func (l *list) keys() string {
	if l.choice.Search {
		return l.printer.Say("terminal.keys.search")
	}
	return l.printer.Say("terminal.keys.list")
}

// keyLine tells the keys, in one line if need be in short.
func keyLine(p *message.Printer, words string, columns int) []line {
	if cut(words, faint).width()+margin > columns-1 {
		words = p.Say("terminal.keys.short")
	}
	return text(words, columns, margin, faint)
}

// flagLine is the command that would answer a question.
func flagLine(p *message.Printer, flag string, columns int) []line {
	if flag == "" {
		return nil
	}
	return text(p.Say("terminal.flag", flag), columns, margin, faint)
}

// label is the number or the pointer before a row.
func (l *list) label(n int) string {
	if l.choice.Search {
		return ""
	}
	return fmt.Sprintf("%d  ", n+1)
}
