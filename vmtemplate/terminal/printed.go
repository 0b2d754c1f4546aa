package terminal

import "strings"

// Wrap breaks text into lines of at most columns, where the session breaks its own: at
// blanks, and where Japanese allows it.
func Wrap(text string, columns int) []string {
	var all []string
	for _, l := range wrap(text, columns, normal) {
		all = append(all, l.text())
	}
	return all
}

// Width is how many columns text takes.
func Width(text string) int { return cut(text, normal).width() }

// Table lays rows out, each cell below the one above, for what is printed rather than
// asked. Unlike text/tabwriter it knows that Japanese characters take two columns.
func Table(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		for c, cell := range row {
			if c == len(widths) {
				widths = append(widths, 0)
			}
			widths[c] = max(widths[c], Width(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		var l line
		for c, cell := range row {
			if c > 0 {
				l = join(l, blanks(between))
			}
			l = join(l, cut(cell, normal).pad(widths[c], false))
		}
		b.WriteString(trimRight(l).text() + "\n")
	}
	return b.String()
}
