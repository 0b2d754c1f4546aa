package recipe

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// bashWords are commands that only bash has, or that do something else there.
var bashWords = set("source pushd popd dirs shopt [[ declare typeset let mapfile readarray compgen enable builtin disown conda mamba module ml")

// bashVariables are those that only bash sets.
var bashVariables = set("RANDOM SECONDS HOSTNAME HOSTTYPE MACHTYPE OSTYPE EUID UID PIPESTATUS EPOCHSECONDS EPOCHREALTIME SHLVL BASHPID FUNCNAME")

// needsBash reports whether a text may mean something else to a POSIX shell than to
// bash, to which it was typed.
func needsBash(text string) bool {
	if _, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(text), ""); err != nil {
		return true
	}
	file := parse(text)
	if file == nil {
		return true
	}
	needs := false
	syntax.Walk(file, func(n syntax.Node) bool {
		switch v := n.(type) {
		case *syntax.ProcSubst, *syntax.ArrayExpr, *syntax.ExtGlob, *syntax.TestClause, *syntax.ArithmCmd, *syntax.LetClause, *syntax.CoprocClause, *syntax.CStyleLoop, *syntax.TimeClause:
			needs = true
		case *syntax.Redirect:
			needs = needs || v.Op == syntax.RdrAll || v.Op == syntax.AppAll || v.Op == syntax.WordHdoc
		case *syntax.BinaryCmd:
			needs = needs || v.Op == syntax.PipeAll
		case *syntax.SglQuoted:
			needs = needs || v.Dollar
		case *syntax.DblQuoted:
			needs = needs || v.Dollar
		case *syntax.FuncDecl:
			needs = needs || v.RsrvWord
		case *syntax.DeclClause:
			needs = needs || v.Variant.Value != "export" && v.Variant.Value != "readonly"
		case *syntax.ParamExp:
			needs = needs || v.Slice != nil || v.Repl != nil || v.Index != nil || v.Names != 0 || v.Excl || bashVariables[v.Param.Value] || strings.HasPrefix(v.Param.Value, "BASH")
		case *syntax.Word:
			needs = needs || syntax.SplitBraces(v)
		case *syntax.CallExpr:
			needs = needs || bashCall(v)
		}
		return !needs
	})
	return needs
}

func bashCall(call *syntax.CallExpr) bool {
	if len(call.Args) == 0 {
		return false
	}
	name := call.Args[0].Lit()
	if bashWords[name] {
		return true
	}
	for _, w := range call.Args[1:] {
		switch a := w.Lit(); {
		case name == "echo" && strings.HasPrefix(a, "-") && a != "-n", (name == "[" || name == "test") && a == "==",
			name == "printf" && a == "-v", name == "read" && a != "-r" && strings.HasPrefix(a, "-"), strings.Contains(a, "**"):
			return true
		}
	}
	// echo of dash reads backslashes, that of bash does not.
	return name == "echo" && mayEchoBackslash(call)
}

func mayEchoBackslash(call *syntax.CallExpr) bool {
	for _, w := range call.Args[1:] {
		if value := literal(w); strings.Contains(value, `\`) || value == "" && len(w.Parts) > 0 {
			return true
		}
	}
	return false
}
