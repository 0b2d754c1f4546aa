package jobscript

import "strings"

// plain are words that the shell takes as they are. A tilde or an equals sign at the
// wrong place would not be.
var plain = form(`^[A-Za-z0-9_@%+:,./-]+$`)

// quote makes one word of the shell of each word (POSIX, XCU 2.2.2).
func quote(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		if !plain().MatchString(w) {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		quoted[i] = w
	}
	return strings.Join(quoted, " ")
}
