package language

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/jrun-hpc/jrun/fault/language/languagetest"
)

// sources are the packages of jrun that speak of faults, from here. Of those of package
// squash only the errors that callers know are told.
var sources = []string{
	"..", ".", "../../image", "../../image/store", "../../image/provenance", "../../pbs", "../../cmd/jrun",
	"../../runtime/*", "../../squash", "../../squash/writer", "../../squash/fusefs",
}

// silent are errors that no person is told, by the names of their variables.
var silent = []string{
	"errReported", "errReadAheadClosed", "errTables", "errNoDevice", "errNotOffered", "errRecord",
	"errMissing", "errLinkLoop", "ErrHidden", "ErrSum", "ErrGone", "ErrNobodyToTell", "errNotOfRegistry", "ErrExists", "ErrNotELF", "errCorrupt",
}

// TestCatalogue: what jrun says of faults is there in Japanese, takes what the English
// takes, and is said.
func TestCatalogue(t *testing.T) {
	said, stage := findTexts(t), stageTexts(t)
	for _, meaning := range meanings {
		said[meaning] = "meanings"
	}
	there := map[string]string{}
	check := func(file, content string, wanted map[string]string) {
		for _, e := range parse(content) {
			if other, twice := there[e.english]; twice {
				t.Errorf("%s: %q is in %s, too", file, e.english, other)
			}
			there[e.english] = file
			if _, used := wanted[e.english]; !used {
				t.Errorf("%s: nobody says %q", file, e.english)
			}
			if e.other == "" || e.other != e.english && !strings.ContainsFunc(e.other, languagetest.IsJapanese) {
				t.Errorf("%s: %q is not Japanese: %q", file, e.english, e.other)
			}
			if got, want := languagetest.Verbs(e.other), languagetest.Verbs(e.english); !slices.Equal(got, want) {
				t.Errorf("%s: verbs of %q are %v, in Japanese %v", file, e.english, want, got)
			}
		}
	}
	check("stages.ja.po", stages, stage)
	check("ja.po", japanese, said)
	for text, place := range said {
		if there[text] == "" && strings.ContainsFunc(languagetest.Verb.ReplaceAllString(text, ""), unicode.IsLetter) {
			t.Errorf("%s: there is no Japanese for %q", place, text)
		}
	}
	for text, place := range stage {
		if there[text] != "stages.ja.po" {
			t.Errorf("%s: there is no Japanese for %q in stages.ja.po", place, text)
		}
	}
}

// makers are the functions of package fault that texts are given to, with the places
// of those that are formats, and of those that are lines.
var makers = map[string]struct{ format, lines int }{
	"New": {0, 2}, "Newf": {2, 1}, "Say": {0, -1}, "Because": {0, -1}, "Lines": {-1, 0}, "And": {0, -1},

	// Of these packages, which pass a format on.
	"mpi.refuse": {1, -1}, "image.missing": {0, -1},
}

// findTexts are the texts in the sources, and where they stand.
func findTexts(t *testing.T) map[string]string {
	t.Helper()
	all, quiet := map[string]string{}, map[string]bool{}
	for _, pattern := range sources {
		dirs, err := filepath.Glob(pattern)
		if err != nil || len(dirs) == 0 {
			t.Fatalf("%s is not there: %v", pattern, err)
		}
		for _, dir := range dirs {
			findIn(t, dir, all, quiet)
		}
	}
	for _, name := range silent {
		if !quiet[name] {
			t.Errorf("there is no %s to be silent about", name)
		}
	}
	if len(all) < 300 {
		t.Fatalf("only %d texts are found; the search cannot be right", len(all))
	}
	return all
}

func findIn(t *testing.T, dir string, all map[string]string, quiet map[string]bool) {
	t.Helper()
	files := token.NewFileSet()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var parsed []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, file)
	}
	s := search{t: t, files: files, name: parsed[0].Name.Name, constants: map[string]ast.Expr{}, said: all, silent: quiet}
	for _, file := range parsed {
		ast.Inspect(file, s.constant)
	}
	for _, file := range parsed {
		ast.Inspect(file, s.text)
		s.sentinels(file)
	}
}

// search goes through one package.
type search struct {
	t         *testing.T
	files     *token.FileSet
	name      string
	constants map[string]ast.Expr
	said      map[string]string
	silent    map[string]bool
}

func (s *search) constant(n ast.Node) bool {
	if d, ok := n.(*ast.GenDecl); ok && d.Tok == token.CONST {
		for _, spec := range d.Specs {
			v := spec.(*ast.ValueSpec)
			for i, name := range v.Names {
				if i < len(v.Values) {
					s.constants[name.Name] = v.Values[i]
				}
			}
		}
	}
	return true
}

// text looks at calls of makers. What they are given must be written there, or a
// constant, so that this test sees it.
func (s *search) text(n ast.Node) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return true
	}
	place := s.files.Position(call.Pos()).String()
	name := s.called(call)
	maker, ok := makers[name]
	if !ok || len(call.Args) <= max(maker.format, maker.lines) {
		return true
	}
	if maker.format >= 0 {
		if format, ok := s.value(call.Args[maker.format]); ok {
			s.said[format] = place
		} else if passed, ok := call.Args[maker.format].(*ast.Ident); !ok || passed.Name != "format" {
			s.t.Errorf("%s: the text must be written here, as a string or a constant", place)
		}
	}
	if maker.lines >= 0 {
		if lines, ok := s.value(call.Args[maker.lines]); ok {
			for line := range strings.Lines(lines) {
				s.said[strings.TrimSuffix(line, "\n")] = place
			}
		} else if _, built := call.Args[maker.lines].(*ast.BinaryExpr); built {
			s.t.Errorf("%s: advice with arguments is made by fault.Say", place)
		}
	}
	if name == "New" || name == "Newf" {
		s.cause(call.Args[map[string]int{"New": 1, "Newf": 0}[name]])
	}
	return true
}

// cause looks at a cause that is made in its place.
func (s *search) cause(why ast.Expr) {
	call, ok := why.(*ast.CallExpr)
	if !ok {
		return
	}
	if f, ok := call.Fun.(*ast.SelectorExpr); ok {
		if from, ok := f.X.(*ast.Ident); ok && (from.Name == "errors" || from.Name == "fmt") {
			s.t.Errorf("%s: a cause of our own is made by fault.Because", s.files.Position(call.Pos()))
		}
	}
}

// sentinels are errors of constant words, which anybody may find wrapped.
func (s *search) sentinels(file *ast.File) {
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, spec := range g.Specs {
			v := spec.(*ast.ValueSpec)
			for i, value := range v.Values {
				call, ok := value.(*ast.CallExpr)
				if !ok {
					continue
				}
				if slices.Contains(silent, v.Names[i].Name) {
					s.silent[v.Names[i].Name] = true
					continue
				}
				if f, ok := call.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "New" && f.X.(*ast.Ident).Name == "errors" {
					if text, ok := s.value(call.Args[0]); ok {
						s.said[text] = s.files.Position(call.Pos()).String()
					}
				}
			}
		}
	}
}

// called is the name of the maker that is called; of other functions, something else.
func (s *search) called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		if s.name == "fault" {
			return f.Name
		}
		return s.name + "." + f.Name
	case *ast.SelectorExpr:
		from, isPackage := f.X.(*ast.Ident)
		if f.Sel.Name == "And" || isPackage && from.Name == "fault" {
			return f.Sel.Name
		}
	}
	return ""
}

// value is a string of literals and constants.
func (s *search) value(e ast.Expr) (string, bool) {
	switch v := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(v.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		left, ok := s.value(v.X)
		right, also := s.value(v.Y)
		return left + right, ok && also && v.Op == token.ADD
	case *ast.Ident:
		if constant, ok := s.constants[v.Name]; ok {
			return s.value(constant)
		}
	}
	return "", false
}

var (
	cCall   = regexp.MustCompile(`(?s)\b(?:fail|in_words)\((.*?)\);`)
	cString = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
)

// stageTexts are the texts in the C of package sandbox, and what the C library says
// most often of a program that cannot be run.
func stageTexts(t *testing.T) map[string]string {
	t.Helper()
	const name = "../../runtime/sandbox/join.c"
	source, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, call := range cCall.FindAllStringSubmatch(string(source), -1) {
		for _, literal := range cString.FindAllString(call[1], -1) {
			text, err := strconv.Unquote(literal)
			if err != nil {
				t.Fatal(err)
			}
			if text != "\n  %s %s\n  %s %s\n" {
				all[text] = name
			}
		}
	}
	for _, said := range []string{
		"Argument list too long", "Exec format error", "Input/output error", "No such file or directory", "Not a directory",
		"Permission denied", "Text file busy", "Too many levels of symbolic links",
	} {
		all[said] = "strerror"
	}
	return all
}
