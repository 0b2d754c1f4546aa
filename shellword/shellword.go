// Package shellword writes words so that a shell reads them back.
//
// Quote is for what a shell will read, of whatever age: within '…' each byte stands for
// itself (POSIX, XCU 2.2.2). Show is for what a person reads and may type: what would
// command the terminal is escaped within $'…', which bash, zsh and POSIX.1-2024 know and
// older shells do not.
//
// A word of letters that no shell does anything with is left as it is. The equals sign is
// one of them, although it makes an assignment of the first word of a command: no program
// has it in its name.
package shellword

import (
	"fmt"
	"strings"

	"github.com/jrun-hpc/jrun/printable"
)

// plain letters need no quotes, wherever they are.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-"

func isPlain(word string) bool { return word != "" && strings.Trim(word, plain) == "" }

// Quote is a word for any shell.
func Quote(word string) string {
	if isPlain(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// Show is a word for a person, on one line.
func Show(word string) string {
	if isPlain(word) || printable.Is(word) {
		return Quote(word)
	}
	var b strings.Builder
	b.WriteString("$'")
	for i := range len(word) {
		switch c := word[i]; {
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

// ShowLine is a command for a person.
func ShowLine(words []string) string {
	shown := make([]string, len(words))
	for i, w := range words {
		shown[i] = Show(w)
	}
	return strings.Join(shown, " ")
}
