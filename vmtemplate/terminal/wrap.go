package terminal

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// notFirst are characters that must not begin a line, notLast such that must not end
// one (JIS X 4051, in brief).
const (
	notFirst = "、。，．・：；？！）」』】〕〉》ーぁぃぅぇぉっゃゅょァィゥェォッャュョ,.:;?!)]}%"
	notLast  = "（「『【〔〈《([{"
)

// wrap breaks text into lines of at most columns: at blanks, and between wide
// characters, where Japanese allows it. Ends of lines stay.
func wrap(text string, columns int, s style) []line {
	columns = max(columns, 2)
	var all []line
	for paragraph := range strings.SplitSeq(text, "\n") {
		rest := cut(paragraph, s)
		for rest.width() > columns {
			n := breakAt(rest, columns)
			all = append(all, trimRight(rest[:n]))
			rest = trimLeft(rest[n:])
		}
		all = append(all, rest)
	}
	return all
}

// breakAt is how many cells go into a line.
func breakAt(l line, columns int) int {
	most, used := 0, 0
	for most < len(l) && used+l[most].width <= columns {
		used += l[most].width
		most++
	}
	for n := most; n > 1 && n > most-mostRagged; n-- {
		if mayBreak(l, n) && phraseEnds(l, n) {
			return n
		}
	}
	for n := most; n > 1; n-- {
		if mayBreak(l, n) {
			return n
		}
	}
	return max(most, 1) // a word that is longer than the line
}

// mostRagged is how many characters earlier a line is broken so that it ends with a
// phrase.
const mostRagged = 12

// phraseEnds reports whether a phrase may end before cell n: after a blank or a
// punctuation mark, and in Japanese where something else follows hiragana, since
// particles and endings are written in these.
func phraseEnds(l line, n int) bool {
	if n >= len(l) || l[n].text == " " || l[n-1].text == " " || l[n-1].text == "、" || l[n-1].text == "。" {
		return true
	}
	before, _ := utf8.DecodeRuneInString(l[n-1].text)
	after, _ := utf8.DecodeRuneInString(l[n].text)
	return unicode.Is(unicode.Hiragana, before) && !unicode.Is(unicode.Hiragana, after)
}

// mayBreak reports whether a line may end before cell n.
func mayBreak(l line, n int) bool {
	if n >= len(l) || l[n].text == " " {
		return true
	}
	before, after := l[n-1], l[n]
	if before.text == " " {
		return true
	}
	if before.width < 2 && after.width < 2 {
		return false
	}
	return !strings.Contains(notFirst, after.text) && !strings.Contains(notLast, before.text)
}

func trimRight(l line) line {
	for len(l) > 0 && l[len(l)-1].text == " " {
		l = l[:len(l)-1]
	}
	return l
}

func trimLeft(l line) line {
	for len(l) > 0 && l[0].text == " " {
		l = l[1:]
	}
	return l
}
