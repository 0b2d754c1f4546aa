// Package manual is the documentation of commands that comes from their sources: manual
// pages, and the commands that examples and guides tell people to type, so that tests can
// see whether the program understands them.
//
// The pages are written by a build of their own (the tag docs), so that programs do not
// carry a Markdown renderer to every node.
package manual

import (
	"fmt"
	"strings"
)

// Calls are the commands of a piece of shell that call a program, as the words behind its
// name. It knows what examples use: quotes, comments, lines that go on, && and |,
// redirections.
func Calls(program, shell string) ([][]string, error) {
	s := splitter{program: program}
	for _, r := range strings.ReplaceAll(shell, "\\\n", " ") {
		s.take(r)
	}
	s.endCommand()
	if s.quote != 0 {
		return nil, fmt.Errorf("a quote is not closed: %s", shell)
	}
	return s.calls, nil
}

// splitter makes words of characters, and commands of words.
type splitter struct {
	program string
	calls   [][]string

	words   []string
	word    strings.Builder
	inWord  bool
	comment bool
	quote   rune // that is open; 0 for none
}

func (s *splitter) take(r rune) {
	switch {
	case s.comment && r != '\n':
	case s.quote != 0 && r == s.quote:
		s.quote = 0
	case s.quote != 0:
		s.word.WriteRune(r)
	case r == '\'' || r == '"':
		s.quote, s.inWord = r, true
	case r == '#' && !s.inWord:
		s.comment = true
	case strings.ContainsRune("\n&|;<>", r):
		s.comment = false
		s.endCommand()
	case r == ' ' || r == '\t':
		s.endWord()
	default:
		s.word.WriteRune(r)
		s.inWord = true
	}
}

func (s *splitter) endWord() {
	if s.inWord {
		s.words = append(s.words, s.word.String())
	}
	s.word.Reset()
	s.inWord = false
}

func (s *splitter) endCommand() {
	s.endWord()
	for i, w := range s.words {
		// "sudo -u jadm jadm plan" has the account's name before the program's.
		if w == s.program && (i == 0 || s.words[i-1] != "-u" && s.words[i-1] != "--account") {
			s.calls = append(s.calls, s.words[i+1:])
			break
		}
	}
	s.words = nil
}
