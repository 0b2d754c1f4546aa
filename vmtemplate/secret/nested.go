package secret

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// takesScript are programs whose argument after -c is a command again.
var takesScript = []string{"sh", "bash", "dash", "ash", "zsh", "ksh", "su", "runuser", "script"}

// nested looks into commands that are an argument: sh -c '…', eval '…'. What is one word
// goes as a whole, as quoting hides where in it the secret is.
func (f *finder) nested(words []string, args []*syntax.Word) {
	switch {
	case words[0] == "eval":
		for _, w := range args[1:] {
			f.script(w)
		}
	case slices.Contains(takesScript, words[0]):
		for i := 1; i+1 < len(words); i++ {
			if option := words[i]; strings.HasPrefix(option, "-") && !strings.HasPrefix(option, "--") && strings.HasSuffix(option, "c") || option == "--command" {
				f.script(args[i+1])
			}
		}
	}
}

func (f *finder) script(w *syntax.Word) {
	if _, found := InCommand(f.value(w)); found {
		from, to := offsets(w)
		f.spans = append(f.spans, span{from, to})
	}
}

// value is a word without its quotes; what the shell has to compute stays as it is
// written.
func (f *finder) value(w *syntax.Word) string {
	var out strings.Builder
	for _, part := range w.Parts {
		switch v := part.(type) {
		case *syntax.SglQuoted:
			out.WriteString(v.Value)
		case *syntax.DblQuoted:
			for _, inner := range v.Parts {
				out.WriteString(unescaped(f.source(inner)))
			}
		default:
			out.WriteString(unescaped(f.source(part)))
		}
	}
	return out.String()
}

// unescaped takes the backslashes before quotes and the like away.
func unescaped(text string) string {
	return strings.NewReplacer(`\\`, `\`, `\'`, `'`, `\"`, `"`, `\$`, `$`, "\\`", "`").Replace(text)
}
