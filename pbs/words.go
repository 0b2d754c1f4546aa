package pbs

import (
	"errors"
	"strings"
)

// OptionsVariable holds options for jrun, as one would type them.
const OptionsVariable = "JRUN_OPTIONS"

// SplitWords splits a command line into words as a shell does that expands nothing
// (POSIX.1-2017, Shell Command Language, 2.2 Quoting), and as the hook does, with
// Python's shlex.split.
func SplitWords(text string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord, quote, escaped := false, rune(0), false
	for _, r := range text {
		switch {
		case escaped:
			if quote == '"' && r != '"' && r != '\\' {
				word.WriteRune('\\')
			}
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, inWord = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case strings.ContainsRune(" \t\r\n", r):
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, errors.New("a quotation is not closed")
	}
	if escaped {
		return nil, errors.New("nothing follows the last backslash")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}
