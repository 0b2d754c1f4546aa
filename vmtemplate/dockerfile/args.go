package dockerfile

import (
	"slices"
	"strings"

	"github.com/openshift/imagebuilder"
	"github.com/openshift/imagebuilder/dockerfile/parser"
)

// arguments are NAME=VALUE lines; the first of a name counts.
type arguments []string

// argumentsOf are those that a stage begins with, in buildah's order: the command line's,
// those before the first FROM, built-in ones.
func argumentsOf(b *imagebuilder.Builder) arguments {
	var all arguments
	for _, values := range []map[string]string{b.Args, b.HeadingArgs, b.BuiltinArgDefaults} {
		for name, value := range values {
			all = append(all, name+"="+value)
		}
	}
	return all
}

// after are the arguments after an instruction, of which ARG with a default adds some.
func (a arguments) after(node *parser.Node) arguments {
	if !strings.EqualFold(node.Value, "arg") {
		return a
	}
	for word := node.Next; word != nil; word = word.Next {
		name, _, hasValue := strings.Cut(word.Value, "=")
		known := slices.ContainsFunc(a, func(line string) bool { return strings.HasPrefix(line, name+"=") })
		if value, err := imagebuilder.ProcessWord(word.Value, a); hasValue && !known && err == nil {
			a = append(a, value)
		}
	}
	return a
}
