package recipe

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// variable is one of ENV in a Dockerfile. Its value may refer to others, as ${NAME}.
type variable struct {
	name  string
	value string
	refs  []string // those it refers to
}

// exports reads a text that does nothing but export variables whose values need no
// computing; ok is false for any other text.
func exports(file *syntax.File) (all []variable, ok bool) {
	for _, stmt := range file.Stmts {
		decl, isDecl := stmt.Cmd.(*syntax.DeclClause)
		if !isDecl || decl.Variant.Value != "export" || len(stmt.Redirs) > 0 || stmt.Background || stmt.Negated {
			return nil, false
		}
		for _, a := range decl.Args {
			if a.Name == nil || a.Naked || a.Append || a.Index != nil || a.Array != nil {
				return nil, false
			}
			v, known := value(a)
			if !known {
				return nil, false
			}
			all = append(all, v)
		}
	}
	return all, len(all) > 0
}

// value is what is assigned; known is false when it has to be computed. A tilde at the
// beginning of a value or after a colon is the home directory (POSIX, 2.6.1).
func value(a *syntax.Assign) (v variable, known bool) {
	v.name = a.Name.Value
	if a.Value == nil {
		return v, true
	}
	var out strings.Builder
	add := func(part syntax.WordPart, quoted bool) bool {
		switch p := part.(type) {
		case *syntax.Lit:
			text := unbackslash(p.Value, quoted)
			if !quoted {
				if home := text == "~" || strings.HasPrefix(text, "~/"); home && out.Len() == 0 {
					v.refs = append(v.refs, "HOME")
					out.WriteString("${HOME}")
					text = text[1:]
				}
				if strings.Contains(text, ":~") || strings.HasPrefix(text, "~") {
					return false
				}
			}
			out.WriteString(dollar.Replace(text))
		case *syntax.ParamExp:
			if !p.Short && (p.Excl || p.Length || p.Width || p.Index != nil || p.Slice != nil || p.Repl != nil || p.Exp != nil || p.Names != 0) {
				return false
			}
			if !identifier(p.Param.Value) {
				return false
			}
			v.refs = append(v.refs, p.Param.Value)
			out.WriteString("${" + p.Param.Value + "}")
		default:
			return false
		}
		return true
	}
	for _, part := range a.Value.Parts {
		switch p := part.(type) {
		case *syntax.SglQuoted:
			if p.Dollar {
				return v, false
			}
			out.WriteString(dollar.Replace(p.Value))
		case *syntax.DblQuoted:
			for _, inner := range p.Parts {
				if !add(inner, true) {
					return v, false
				}
			}
		default:
			if !add(part, false) {
				return v, false
			}
		}
	}
	v.value = out.String()
	return v, !strings.ContainsAny(v.value, "\n\r")
}

// dollar keeps a dollar sign from being one of the Dockerfile.
var dollar = strings.NewReplacer("$", `\$`, `\`, `\\`)

func identifier(name string) bool {
	for i, r := range name {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}
