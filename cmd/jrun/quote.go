package main

import (
	"fmt"
	"strings"

	"github.com/jrun-hpc/jrun/printable"
)

// shellLine writes words so that a shell reads them back.
func shellLine(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = shellWord(w)
	}
	return strings.Join(quoted, " ")
}

// plainLetters need no quotes.
const plainLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-"

func shellWord(s string) string {
	switch {
	case s != "" && strings.Trim(s, plainLetters) == "":
		return s
	case printable.Is(s):
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	// $'…' of POSIX.1-2024, so that nothing can play tricks with the terminal.
	var b strings.Builder
	b.WriteString("$'")
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\'' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('\'')
	return b.String()
}
