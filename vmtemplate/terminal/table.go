package terminal

import "slices"

// between stands between columns.
const between = 2

// How narrow a column can be made before it is left out: one whose contents are told
// elsewhere, too, earlier.
const (
	least      = 10
	leastSpare = 20
)

// table lays the rows out that are shown: the heads, a line for each row, and which
// rows had to be cut.
func (l *list) table(columns int) (head []line, body []line, short []bool) {
	room := columns - 1 - margin - len("> ") - len(l.label(0))
	widths := l.widths(room)
	for n, i := range l.shown {
		pointer := cut("  ", normal)
		looks := normal
		if n == l.at {
			pointer, looks = cut("> ", accent), strong
		}
		row := join(blanks(margin), pointer, cut(l.label(n), faint))
		whole := true
		for c, words := range l.cells[i] {
			cells := cut(words, normal)
			if c == 0 {
				cells = cut(words, looks)
			}
			if len(l.cells[i]) == 1 { // a row that is a sentence
				row = join(row, cells)
				break
			}
			if c >= len(widths) || widths[c] == 0 {
				whole = false
				continue
			}
			whole = whole && cells.width() <= widths[c]
			if c > 0 {
				row = join(row, blanks(between))
			}
			row = join(row, cells.fit(widths[c]).pad(widths[c], l.choice.Columns[c].Right))
		}
		body = append(body, trimRight(row.fit(columns-1)))
		short = append(short, !whole)
	}
	return l.head(widths), body, short
}

func (l *list) head(widths []int) []line {
	if len(l.choice.Columns) == 0 || len(l.shown) == 0 {
		return nil
	}
	row := blanks(margin + len("> ") + len(l.label(0)))
	for c, column := range l.choice.Columns {
		if widths[c] == 0 {
			continue
		}
		if c > 0 {
			row = join(row, blanks(between))
		}
		row = join(row, cut(l.printer.Text(column.Title), faint).fit(widths[c]).pad(widths[c], column.Right))
	}
	return []line{trimRight(row)}
}

// widths gives each column what its longest cell needs. If that is too much the widest
// gives way; then those go that can be spared, then the last ones. 0 is a column that
// has gone.
func (l *list) widths(room int) []int {
	widths := make([]int, len(l.choice.Columns))
	for c, column := range l.choice.Columns {
		widths[c] = cut(l.printer.Text(column.Title), normal).width()
		for _, cells := range l.cells {
			if c < len(cells) && len(cells) > 1 {
				widths[c] = max(widths[c], cut(cells[c], normal).width())
			}
		}
	}
	for sum(widths) > room {
		if l.shrink(widths, sum(widths)-room) {
			break
		}
		gone := l.dispensable(widths)
		if gone < 0 {
			break
		}
		widths[gone] = 0
	}
	return widths
}

// shrink takes so much from the widest columns, if they can bear it all; otherwise it
// changes nothing.
func (l *list) shrink(widths []int, by int) bool {
	narrow := slices.Clone(widths)
	for ; by > 0; by-- {
		widest := -1
		for c, w := range narrow {
			if w > l.limit(c) && (widest < 0 || w > narrow[widest]) {
				widest = c
			}
		}
		if widest < 0 {
			return false
		}
		narrow[widest]--
	}
	copy(widths, narrow)
	return true
}

func (l *list) limit(column int) int {
	if l.choice.Columns[column].Spare {
		return leastSpare
	}
	return least
}

// dispensable is the column to leave out next: never the first. -1 is none.
func (l *list) dispensable(widths []int) int {
	last := -1
	for c := 1; c < len(widths); c++ {
		switch {
		case widths[c] == 0:
		case l.choice.Columns[c].Spare:
			return c
		default:
			last = c
		}
	}
	return last
}

func sum(widths []int) int {
	total := 0
	for _, w := range widths {
		if w > 0 {
			total += w + between
		}
	}
	return total - between
}
