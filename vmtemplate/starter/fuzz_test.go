package starter

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"
)

// FuzzMake: no file makes a plan whose commands say more than they should, nor a crash.
func FuzzMake(f *testing.F) {
	seeds, err := filepath.Glob("testdata/*/*")
	if err != nil || len(seeds) < 10 {
		f.Fatal(err, len(seeds))
	}
	for _, seed := range seeds {
		text, err := os.ReadFile(seed)
		if err != nil {
			continue // a directory
		}
		f.Add(filepath.Base(seed), text)
	}
	f.Add("requirements.txt", []byte("-r requirements.txt\n-rrequirements.txt\\\n\\\n"))
	f.Add("environment.yml", []byte("a: &x [*x]\ndependencies: [*x, {pip: [a]}]\n"))
	f.Add("DESCRIPTION", []byte("Imports: a (>= 1'), b\n"))
	f.Fuzz(func(t *testing.T, name string, text []byte) {
		if _, err := Detect(name, text); err != nil || strings.ContainsAny(name, "/") {
			return
		}
		plan, err := Make(Ask{Dir: fstest.MapFS{name: {Data: text}}, Name: name, Bases: site})
		if err != nil {
			if strings.Contains(err.Error(), "%!") {
				t.Error(err)
			}
			return
		}
		for _, s := range plan.Steps {
			if err := balanced(s.Run); err != "" {
				t.Errorf("%s: %q", err, s.Run)
			}
		}
		for _, e := range plan.Env {
			if n, _, ok := strings.Cut(e, "="); !ok || !variableName().MatchString(n) {
				t.Errorf("variable %q", e)
			}
		}
	})
}

// balanced tells what a command has that no plan writes.
func balanced(run string) string {
	if strings.Count(run, "'")%2 != 0 {
		return "a quote does not end"
	}
	if strings.ContainsFunc(run, unicode.IsControl) {
		return "there is a control character"
	}
	if strings.Contains(run, "$(") && !strings.Contains(run, "uname -m") || strings.Contains(run, "`") {
		return "it substitutes a command"
	}
	return ""
}

// FuzzRequirements: what is left out is a comment, and the rest is as it was.
func FuzzRequirements(f *testing.F) {
	for _, text := range []string{"a\n./b\nc\\\n>=1\n", "-e . \\\n\\\nx", "#x\\\na", "a # b\n", "-e.\r\nb\r\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := readRequirements(fstest.MapFS{}, "r.txt", []byte(text))
		if err != nil {
			return
		}
		before, after := strings.Split(text, "\n"), strings.Split(string(r.files["r.txt"]), "\n")
		if len(before) != len(after) {
			t.Fatalf("%q became %q", text, r.files["r.txt"])
		}
		for i := range before {
			if after[i] != before[i] && after[i] != "# "+before[i] {
				t.Errorf("line %d: %q became %q", i+1, before[i], after[i])
			}
		}
	})
}

// FuzzDescription: every field has a line that is there.
func FuzzDescription(f *testing.F) {
	f.Add("Package: x\nImports:\n a (>= 1),\n b\n")
	f.Add("A: b\n\n#x\n  c\n")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parseDescription("DESCRIPTION", []byte(text))
		if err != nil {
			return
		}
		lines := strings.Split(text, "\n")
		for name, field := range d.fields {
			if field.line < 1 || field.line > len(lines) || !strings.HasPrefix(lines[field.line-1], name+":") {
				t.Errorf("%s is not in line %d", name, field.line)
			}
		}
		if packages, _, err := d.wanted("DESCRIPTION"); err == nil {
			for _, p := range packages {
				if strings.ContainsAny(p.name+p.version, "\"'\\ \n") {
					t.Errorf("package %+v", p)
				}
			}
		}
	})
}
