package bases

import (
	"cmp"
	"slices"
	"strings"
)

// versions compares names as people count: 1.9 before 1.10, words before numbers, and
// a release after its candidates (24.04-rc1 before 24.04).
func versions(a, b string) int {
	x, y := pieces(a), pieces(b)
	for i := range max(len(x), len(y)) {
		if order := comparePieces(at(x, i), at(y, i)); order != 0 {
			return order
		}
	}
	return cmp.Compare(a, b)
}

// rank of a piece of a version. What ends is later than its candidates, and earlier
// than what goes on.
type rank int

const (
	candidate rank = iota
	end
	word
	number
)

// piece is a number or a word.
type piece struct {
	rank rank
	text string // of a number, without zeros before it
}

func at(pieces []piece, i int) piece {
	if i < len(pieces) {
		return pieces[i]
	}
	return piece{rank: end}
}

func comparePieces(x, y piece) int {
	if order := cmp.Compare(x.rank, y.rank); order != 0 {
		return order
	}
	if x.rank == number {
		if order := cmp.Compare(len(x.text), len(y.text)); order != 0 {
			return order
		}
	}
	return strings.Compare(x.text, y.text)
}

// candidates are words for what comes before a release.
var candidates = []string{"rc", "beta", "alpha", "dev", "pre", "preview"}

// pieces are the numbers and words between the separators . _ - of a tag.
func pieces(tag string) []piece {
	var all []piece
	for s := strings.ToLower(tag); s != ""; {
		n := 1
		for n < len(s) && class(s[n]) == class(s[0]) {
			n++
		}
		head := s[:n]
		s = s[n:]
		switch class(head[0]) {
		case number:
			all = append(all, piece{number, strings.TrimLeft(head, "0")})
		case word:
			switch {
			case slices.Contains(candidates, head):
				all = append(all, piece{candidate, head})
			case head != "v" || len(all) > 0: // v1.2 is 1.2
				all = append(all, piece{word, head})
			}
		}
	}
	return all
}

// class is number, word, or for separators end.
func class(c byte) rank {
	switch {
	case '0' <= c && c <= '9':
		return number
	case strings.IndexByte("._-", c) >= 0:
		return end
	}
	return word
}
