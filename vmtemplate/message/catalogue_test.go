package message

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jrun-hpc/jrun/fault/language/languagetest"
)

// use is one place in the sources that names a text.
type use struct {
	name  string
	args  int // -1: passed as a slice
	place string
}

// sources of everything that speaks to people in jbuild.
var sources = []string{"..", "../../cmd/jbuild"}

// TestCatalogue: every text that is used is there in every language, takes what it is
// given, and is used.
func TestCatalogue(t *testing.T) {
	uses := findUses(t)
	entries, err := load(files)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, u := range uses {
		used[u.name] = true
		e, there := entries[u.name]
		if !there {
			t.Errorf("%s: there is no text %q", u.place, u.name)
			continue
		}
		for language, text := range map[string]string{"en": e.En, "ja": e.Ja} {
			if want := arguments(text); u.args >= 0 && u.args != want {
				t.Errorf("%s: %q in %s takes %d arguments, not %d", u.place, u.name, language, want, u.args)
			}
		}
	}
	for name, e := range entries {
		if found, ok := texts.find(name); !ok || found != e {
			t.Errorf("%q is not in the file where it is looked for", name)
		}
		if !used[name] && !strings.HasPrefix(name, "page.") { // which package page looks after
			t.Errorf("nobody uses %q", name)
		}
		if e.En == "" {
			t.Errorf("%q is missing in English", name)
		}
		if e.Ja == "" || !same(e) && !strings.ContainsFunc(e.Ja, languagetest.IsJapanese) {
			t.Errorf("%q is missing in Japanese", name)
		}
		if strings.ContainsFunc(e.En, languagetest.IsJapanese) {
			t.Errorf("%q in English is Japanese", name)
		}
		if got, want := languagetest.Verbs(e.Ja), languagetest.Verbs(e.En); !slices.Equal(got, want) {
			t.Errorf("%q: verbs in Japanese are %v, in English %v", name, got, want)
		}
	}
}

// same reports whether a text has no words, only commands, names and verbs.
func same(e entry) bool { return e.En == e.Ja }

func arguments(text string) int {
	most := 0
	for _, v := range languagetest.Verbs(text) {
		n, _ := strconv.Atoi(strings.TrimRight(v, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
		most = max(most, n)
	}
	return most
}

// findUses reads the sources for calls of Of and Say. Their first argument must be
// written there, so that this test sees it.
func findUses(t *testing.T) []use {
	t.Helper()
	var all []use
	files := token.NewFileSet()
	for _, root := range sources {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(files, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					all = append(all, usesIn(t, files, call)...)
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(all) == 0 {
		t.Fatal("no text is used; the search cannot be right")
	}
	return all
}

// namesText reports whether a call's first argument is the name of a text.
func namesText(call *ast.CallExpr, inMessage bool) bool {
	if len(call.Args) == 0 {
		return false
	}
	switch called := call.Fun.(type) {
	case *ast.Ident:
		return inMessage && called.Name == "Of"
	case *ast.SelectorExpr:
		from, isPackage := called.X.(*ast.Ident)
		return called.Sel.Name == "Say" || called.Sel.Name == "Of" && isPackage && from.Name == "message"
	}
	return false
}

func usesIn(t *testing.T, files *token.FileSet, call *ast.CallExpr) []use {
	place := files.Position(call.Pos()).String()
	if !namesText(call, strings.Contains(place, "/message/")) {
		return nil
	}
	literal, ok := call.Args[0].(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		if !strings.Contains(place, "message/printer.go") {
			t.Errorf("%s: the text's name must be written here, as a string", place)
		}
		return nil
	}
	name, err := strconv.Unquote(literal.Value)
	if err != nil {
		t.Errorf("%s: %v", place, err)
	}
	args := len(call.Args) - 1
	if call.Ellipsis.IsValid() {
		args = -1
	}
	return []use{{name: name, args: args, place: place}}
}
