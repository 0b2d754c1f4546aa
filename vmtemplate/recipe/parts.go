package recipe

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// parse reads a text as bash does; nil if it cannot be read, which happens to words
// that mean something else to zsh, or to a text that was cut.
func parse(text string) *syntax.File {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash), syntax.KeepComments(true)).Parse(strings.NewReader(text), "")
	if err != nil {
		return nil
	}
	return file
}

// parts cuts a text where a shell that reads it line by line would run what it has:
// after each line that completes a command. Here-documents belong to their line.
func parts(text string) []string {
	file := parse(text)
	if file == nil {
		return []string{text}
	}
	var all []string
	from, lastLine := 0, uint(0)
	for i, stmt := range file.Stmts {
		if i > 0 && stmt.Pos().Line() > lastLine {
			start := int(stmt.Pos().Offset())
			all = append(all, strings.TrimSpace(text[from:start]))
			from = start
		}
		lastLine = max(lastLine, stmt.End().Line()) // with its here-documents
	}
	return append(all, strings.TrimSpace(text[from:]))
}
