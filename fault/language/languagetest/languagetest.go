// Package languagetest is for tests of texts that stand in two languages.
package languagetest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"unicode"
)

// Verb is one of fmt's, with the number of its argument and its letter.
var Verb = regexp.MustCompile(`%(\[(\d+)\])?[-+# 0]*[\d.]*([a-zA-Z%])`)

// Verbs lists a text's verbs by the argument they take: 1s 2d. To %w, which wraps,
// belongs %v or %w.
func Verbs(text string) []string {
	var all []string
	next := 1
	for _, m := range Verb.FindAllStringSubmatch(text, -1) {
		if m[3] == "%" {
			continue
		}
		if m[2] != "" {
			next, _ = strconv.Atoi(m[2])
		}
		all = append(all, fmt.Sprintf("%d%s", next, m[3]))
		next++
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// IsJapanese reports whether a letter is one that English has not.
func IsJapanese(r rune) bool {
	return unicode.In(r, unicode.Hiragana, unicode.Katakana, unicode.Han)
}
