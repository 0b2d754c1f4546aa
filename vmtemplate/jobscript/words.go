package jobscript

import (
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"mvdan.cc/sh/v3/syntax"
)

// Words are those of a line of shell, as Job.Command has them. A line that is more than a
// program with arguments becomes one for a shell inside the image: without the hook, what
// stands behind a && would run outside.
func Words(line string) ([]string, error) {
	line = strings.TrimSpace(line)
	if line == "" {
		return nil, nil
	}
	refused := message.Fail(message.Of("jobscript.refused", message.Of("jobscript.command"), line), nil, message.Of("jobscript.line.next"))
	if !commandForm().MatchString(line) {
		return nil, refused
	}
	parsed, err := syntax.NewParser(syntax.Variant(syntax.LangBash), syntax.KeepComments(true)).Parse(strings.NewReader(line), "")
	if err != nil {
		return nil, refused
	}
	if words, ok := simple(parsed); ok {
		return words, nil
	}
	return []string{"sh", "-c", line}, nil
}

// simple are the words of a program with arguments that need no shell.
func simple(parsed *syntax.File) (words []string, ok bool) {
	if len(parsed.Stmts) != 1 || len(parsed.Last) > 0 {
		return nil, false
	}
	s := parsed.Stmts[0]
	call, ok := s.Cmd.(*syntax.CallExpr)
	if !ok || s.Negated || s.Background || s.Coprocess || s.Disown || s.Semicolon.IsValid() || len(s.Redirs) > 0 || len(s.Comments) > 0 || len(call.Assigns) > 0 || len(call.Args) == 0 {
		return nil, false
	}
	for _, arg := range call.Args {
		word, ok := literal(arg)
		if !ok {
			return nil, false
		}
		words = append(words, word)
	}
	return words, true
}

// special are characters of a word that a shell may do something with, where they are
// not quoted.
const special = `*?[]{}~!`

// literal is a word in which nothing is expanded.
func literal(w *syntax.Word) (string, bool) {
	var b strings.Builder
	for _, part := range w.Parts {
		switch p := part.(type) {
		case *syntax.Lit:
			if strings.ContainsAny(p.Value, special) {
				return "", false
			}
			b.WriteString(unescaped(p.Value, ""))
		case *syntax.SglQuoted:
			if p.Dollar {
				return "", false
			}
			b.WriteString(p.Value)
		case *syntax.DblQuoted:
			if p.Dollar {
				return "", false
			}
			for _, inner := range p.Parts {
				lit, ok := inner.(*syntax.Lit)
				if !ok || strings.Contains(lit.Value, "!") {
					return "", false
				}
				b.WriteString(unescaped(lit.Value, "$`\"\\"))
			}
		default:
			return "", false
		}
	}
	return b.String(), true
}

// unescaped takes backslashes away that stand before one of the characters, or before
// any (POSIX, XCU 2.2).
func unescaped(text, before string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && (before == "" || strings.IndexByte(before, text[i+1]) >= 0) {
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String()
}
