package recipe

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// class is what a command is to a recipe.
type class int

const (
	ordinary    class = iota // does something to the file system, or may
	noise                    // only looks, or goes somewhere
	interactive              // what happened in it was not typed into the shell
	state                    // matters only to commands after it in the same shell
	export                   // exports variables whose values are known
)

// classify says what a text is. When it cannot be read, it is ordinary: better one line
// too many.
func classify(file *syntax.File) class {
	if file == nil {
		return ordinary
	}
	if len(file.Stmts) == 0 {
		return noise // comments
	}
	if _, ok := exports(file); ok {
		return export
	}
	all := map[class]bool{}
	for _, stmt := range file.Stmts {
		all[classOf(stmt)] = true
	}
	for _, c := range []class{ordinary, interactive, state} {
		if all[c] {
			return c
		}
	}
	return noise
}

// classOf walks through all calls of a statement. Those that write a file do something;
// one that reads a terminal into a file is as good as an editor.
func classOf(stmt *syntax.Stmt) class {
	result := noise
	raise := func(c class) {
		order := []class{noise, state, interactive, ordinary}
		if slices.Index(order, c) > slices.Index(order, result) {
			result = c
		}
	}
	piped := map[*syntax.Stmt]bool{}
	syntax.Walk(stmt, func(n syntax.Node) bool {
		switch v := n.(type) {
		case *syntax.BinaryCmd:
			if v.Op == syntax.Pipe || v.Op == syntax.PipeAll {
				piped[v.Y] = true
			}
		case *syntax.Stmt:
			if writes(v) {
				if readsTerminal(v) && !piped[v] {
					raise(interactive)
					return false
				}
				raise(ordinary)
			}
		case *syntax.FuncDecl:
			raise(state)
			return false
		case *syntax.DeclClause, *syntax.LetClause:
			raise(state)
		case *syntax.CallExpr:
			words := literals(v)
			if len(words) == 0 && len(v.Assigns) > 0 {
				raise(state)
				return true
			}
			raise(classOfCall(words))
		}
		return true
	})
	return result
}

// writes reports whether a statement's output goes into a file.
func writes(stmt *syntax.Stmt) bool {
	for _, r := range stmt.Redirs {
		switch r.Op {
		case syntax.RdrOut, syntax.AppOut, syntax.RdrClob, syntax.RdrAll, syntax.AppAll, syntax.RdrInOut:
			if target := r.Word.Lit(); target != "/dev/null" && target != "/dev/stderr" && target != "/dev/stdout" {
				return true
			}
		}
	}
	return false
}

// readsTerminal: cat >file, whose text was typed to cat.
func readsTerminal(stmt *syntax.Stmt) bool {
	call, ok := stmt.Cmd.(*syntax.CallExpr)
	if !ok {
		return false
	}
	words := literals(call)
	if len(words) == 0 || words[0] != "cat" || len(words) > 2 || len(words) == 2 && words[1] != "-" {
		return false
	}
	for _, r := range stmt.Redirs {
		switch r.Op {
		case syntax.RdrIn, syntax.Hdoc, syntax.DashHdoc, syntax.WordHdoc:
			return false
		}
	}
	return true
}

// literals are the words of a call as the shell would pass them; a word that the shell
// has to compute is empty. The first is the program's name without its directory;
// sudo, env, time and the like are passed.
func literals(call *syntax.CallExpr) []string {
	all := make([]string, len(call.Args))
	for i, w := range call.Args {
		all[i] = literal(w)
	}
	for len(all) > 1 {
		switch all[0] {
		case "sudo", "env", "time", "nohup", "nice", "command", "builtin", "exec":
			rest := all[1:]
			for len(rest) > 0 && (strings.HasPrefix(rest[0], "-") || strings.Contains(rest[0], "=")) {
				rest = rest[1:]
			}
			if len(rest) == 0 || all[0] == "command" && strings.HasPrefix(all[1], "-") {
				return []string{"env"}
			}
			all = rest
			continue
		}
		break
	}
	if len(all) > 0 && all[0] != "" {
		all[0] = path.Base(all[0])
	}
	return all
}

// changesShell reports whether a text, whatever else it does, leaves something in the
// shell that later commands may need. What happens in a subshell stays there.
func changesShell(file *syntax.File) bool {
	if file == nil {
		return true
	}
	found := false
	syntax.Walk(file, func(n syntax.Node) bool {
		switch v := n.(type) {
		case *syntax.Subshell, *syntax.CmdSubst, *syntax.ProcSubst:
			return false
		case *syntax.BinaryCmd:
			return v.Op != syntax.Pipe && v.Op != syntax.PipeAll
		case *syntax.FuncDecl, *syntax.DeclClause, *syntax.LetClause, *syntax.ArithmCmd:
			found = true
		case *syntax.CallExpr:
			words := literals(v)
			found = found || len(words) == 0 && len(v.Assigns) > 0 || len(words) > 0 && words[0] != "alias" && words[0] != "unalias" && classOfCall(words) == state
		}
		return !found
	})
	return found
}

// literal is a word's value if it needs no computing.
func literal(w *syntax.Word) string {
	var out strings.Builder
	for _, part := range w.Parts {
		switch v := part.(type) {
		case *syntax.Lit:
			out.WriteString(unbackslash(v.Value, false))
		case *syntax.SglQuoted:
			if v.Dollar {
				return ""
			}
			out.WriteString(v.Value)
		case *syntax.DblQuoted:
			for _, inner := range v.Parts {
				lit, ok := inner.(*syntax.Lit)
				if !ok {
					return ""
				}
				out.WriteString(unbackslash(lit.Value, true))
			}
		default:
			return ""
		}
	}
	return out.String()
}

// unbackslash takes backslashes away as the shell does; within double quotes only
// before some characters (POSIX, 2.2.3).
func unbackslash(s string, quoted bool) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && (!quoted || strings.IndexByte("$`\"\\\n", s[i+1]) >= 0) {
			i++
			if s[i] == '\n' {
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}
