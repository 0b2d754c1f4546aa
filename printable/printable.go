package printable

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// ideographicSpace is white space that Japanese text has, and no ASCII space.
const ideographicSpace = '\u3000'

func shows(r rune) bool { return r == ideographicSpace || unicode.IsPrint(r) }

// Text is text of several lines in which nothing commands a terminal.
func Text(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || shows(r) {
			return r
		}
		return utf8.RuneError
	}, text)
}

// Line is text on one line, which is also one cell of a table.
func Line(text string) string { return Text(strings.Join(strings.Fields(text), " ")) }

// Is reports whether text is one line that shows all that it is.
func Is(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !shows(r) })
}

// CutBytes is text, of which what is more than a number of bytes is an ellipsis.
func CutBytes(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…"
}

// CutRunes is text of at most a number of characters, at least 1. The last one is an
// ellipsis if there were more.
func CutRunes(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}
