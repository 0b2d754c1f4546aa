package terminal

// part is some lines of a question. Where the screen is too small parts are left out,
// the highest importance last.
type part struct {
	lines      []line
	importance int // 0: cannot be left out
}

// stack puts parts below each other into so many rows. It returns where each part
// begins; -1 for one that was left out.
func stack(rows int, parts ...part) (lines []line, begins []int) {
	kept := make([]bool, len(parts))
	used := 0
	most := 0
	for i, p := range parts {
		most = max(most, p.importance)
		kept[i] = true
		used += len(p.lines)
	}
	for level := 1; level <= most && used > rows; level++ {
		for i := len(parts) - 1; i >= 0 && used > rows; i-- {
			if parts[i].importance == level {
				kept[i] = false
				used -= len(parts[i].lines)
			}
		}
	}
	begins = make([]int, len(parts))
	for i, p := range parts {
		begins[i] = -1
		if kept[i] {
			begins[i] = len(lines)
			lines = append(lines, p.lines...)
		}
	}
	return lines[:min(len(lines), rows)], begins
}

// margin is what stands before most lines.
const margin = 2

// indented puts a margin before lines.
func indented(lines []line, by int) []line {
	all := make([]line, len(lines))
	for i, l := range lines {
		if len(l) > 0 {
			all[i] = join(blanks(by), l)
		}
	}
	return all
}

// text is wrapped, with a margin, into the columns of a frame; the last one stays free,
// since terminals differ in what happens after it.
func text(words string, columns, by int, s style) []line {
	if words == "" {
		return nil
	}
	return indented(wrap(words, min(columns-1, mostColumns)-by, s), by)
}

// mostColumns is how wide text gets: longer lines are hard to read.
const mostColumns = 92

// blank is an empty line.
var blank = []line{nil}

func blankUnless(there bool) []line {
	if there {
		return nil
	}
	return blank
}
