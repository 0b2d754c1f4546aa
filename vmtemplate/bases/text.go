package bases

import (
	"strings"
	"unicode"

	"github.com/jrun-hpc/jrun/printable"
)

// Bounds of a line of strangers' text: what fits on a terminal twice, and what is
// looked at for it at all.
const (
	mostLine = 160  // letters
	mostRead = 4096 // bytes
	// mostMarks is how many accents a letter may have: Vietnamese needs two.
	mostMarks = 2
)

// line makes one line of strangers' text: the first that says something, without
// Markdown's signs before it, tags of HTML, and what controls a terminal.
func line(text string) string {
	if len(text) > mostRead {
		text = strings.ToValidUTF8(text[:mostRead], "")
	}
	for l := range strings.Lines(withoutTags(strings.ReplaceAll(text, "\r", "\n"))) {
		l = strings.Join(strings.Fields(strings.TrimLeft(l, "#>*=- \t")), " ")
		if l = shorten(printable.Text(l)); l != "" {
			return l
		}
	}
	return ""
}

// withoutTags drops what looks like tags and comments of HTML.
func withoutTags(text string) string {
	var b strings.Builder
	for text != "" {
		before, rest, found := strings.Cut(text, "<")
		b.WriteString(before)
		if !found {
			break
		}
		_, after, closed := strings.Cut(rest, ">")
		if closed && rest != "" && (rest[0] == '/' || rest[0] == '!' || unicode.IsLetter(rune(rest[0]))) {
			text = after
			continue
		}
		b.WriteByte('<')
		text = rest
	}
	return b.String()
}

// shorten bounds letters, and the accents on each.
func shorten(text string) string {
	var b strings.Builder
	letters, marks := 0, 0
	for _, r := range text {
		if unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r) {
			if marks++; marks > mostMarks {
				continue
			}
		} else {
			marks = 0
			if letters++; letters > mostLine {
				return strings.TrimSpace(b.String()) + "…"
			}
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}
