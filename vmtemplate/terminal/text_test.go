package terminal

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

func printer(lang string) *message.Printer {
	p, _ := message.For(lang)
	return p
}

// longChoice is a list that can be searched.
func longChoice(rows int) flow.Choice {
	c := flow.Choice{Search: true, Columns: []flow.Column{{Title: message.Plain("名前")}, {Title: message.Plain("内容"), Spare: true}, {Title: message.Plain("サイズ"), Right: true}}}
	for n := range rows {
		name := "shared/image" + strings.Repeat("x", n%7)
		c.Rows = append(c.Rows, flow.Row{Key: name, Cells: []message.Text{message.Plain(name), message.Plain("流体解析のためのソフトウェア一式と可視化の道具"), message.Of("flow.cell", message.Bytes(n*1e6))}})
	}
	return c
}

func longQuestion() flow.Question {
	return flow.Question{Asked: flow.Asked{Title: message.Of("flow.workspace"), Help: message.Of("flow.workspace.help"), Flag: "jbuild new --name NAME"}}
}

func TestWrap(t *testing.T) {
	for name, test := range map[string]struct {
		text    string
		columns int
		want    []string
	}{
		"short":                      {"one two", 20, []string{"one two"}},
		"at blanks":                  {"one two three four", 9, []string{"one two", "three", "four"}},
		"a long word":                {"abcdefghij", 4, []string{"abcd", "efgh", "ij"}},
		"lines stay":                 {"a\n\nb", 9, []string{"a", "", "b"}},
		"phrases of Japanese":        {"必要なものをインストールします", 20, []string{"必要なものを", "インストールします"}},
		"no full stop first":         {"あいうえお。かき", 10, []string{"あいうえ", "お。かき"}},
		"no bracket last":            {"あいうえ（か）", 10, []string{"あいうえ", "（か）"}},
		"wide do not fit":            {"漢字漢字", 5, []string{"漢字", "漢字"}},
		"commands stay whole":        {"終わったら「exit」と入力", 14, []string{"終わったら", "「exit」と入力"}},
		"two blanks are one's place": {"one  two", 4, []string{"one", "two"}},
		"no room at all":             {"漢字", 1, []string{"漢", "字"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, l := range wrap(test.text, test.columns, normal) {
				got = append(got, l.text())
				if l.width() > max(test.columns, 2) {
					t.Errorf("%q is wider than %d", l.text(), test.columns)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFit(t *testing.T) {
	for _, test := range []struct {
		text    string
		columns int
		want    string
	}{{"abc", 5, "abc"}, {"abcdef", 5, "abc.."}, {"漢字漢字", 5, "漢.."}, {"漢字", 4, "漢字"}, {"abc", 1, "."}} {
		if got := cut(test.text, normal).fit(test.columns).text(); got != test.want {
			t.Errorf("%q in %d columns is %q, not %q", test.text, test.columns, got, test.want)
		}
	}
}

// TestColumns: a table never is wider than the screen, and keeps its names.
func TestColumns(t *testing.T) {
	for columns := 20; columns <= 120; columns++ {
		l := newList(printer("ja"), longChoice(12))
		for _, rows := range []int{6, 11, 23} {
			lines, at := l.draw(columns, rows)
			if len(lines) > rows || at.row >= rows {
				t.Errorf("%d lines and the cursor in line %d, in %d rows", len(lines), at.row, rows)
			}
			for _, drawn := range lines {
				if drawn.width() >= columns {
					t.Errorf("in %d columns: %q", columns, drawn.text())
				}
			}
		}
	}
}

// TestNothingAmbiguous: no text of ours has a character whose width depends on the
// terminal.
func TestNothingAmbiguous(t *testing.T) {
	for _, file := range []string{"flow", "terminal", "message"} {
		text, err := os.ReadFile("../message/catalogue/" + file + ".toml")
		if err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(string(text)) {
			if cut(l, normal).vague() {
				t.Errorf("%s.toml: %s", file, l)
			}
		}
	}
	if !cut("a\u2026", normal).vague() {
		t.Error("three dots in one are not found")
	}
}

func TestEditor(t *testing.T) {
	type press struct{ keys, want string }
	for name, presses := range map[string][]press{
		"typing replaces what is proposed": {{"text:x", "x"}, {"text:y", "xy"}},
		"backspace edits it":               {{"backspace", "my-nam"}},
		"an arrow edits it":                {{"left", "my-name"}, {"text:x", "my-namxe"}},
		"a word":                           {{"ctrl+w", "my-"}, {"ctrl+w", ""}},
		"all":                              {{"ctrl+u", ""}, {"delete", ""}, {"backspace", ""}},
		"ends":                             {{"home", "my-name"}, {"delete", "y-name"}, {"end", "y-name"}, {"text:日本", "y-name日本"}, {"backspace", "y-name日"}},
		"to the end":                       {{"home", "my-name"}, {"right", "my-name"}, {"ctrl+k", "m"}},
		"other keys":                       {{"pageup", "my-name"}, {"text:x", "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEditor("my-name")
			for _, p := range presses {
				k := key{name: p.keys}
				if text, ok := strings.CutPrefix(p.keys, "text:"); ok {
					k = key{name: "text", text: text}
				}
				before := e.String()
				if changed := e.key(k); changed != (before != e.String()) {
					t.Errorf("%s says changed: %v", p.keys, changed)
				}
				if e.String() != p.want {
					t.Fatalf("after %s: %q, not %q", p.keys, e.String(), p.want)
				}
				if l, column := e.view(5); l.width() > 5 || column > 5 {
					t.Errorf("a window of 5 columns shows %q with the cursor in %d", l.text(), column)
				}
			}
		})
	}
}

// TestSearch: words in any order, letters wide or narrow, and rows that stay.
func TestSearch(t *testing.T) {
	for search, want := range map[string]bool{"": true, "python": true, "PYTHON scipy": true, "ｐｙｔｈｏｎ": true, "解析": true, "ruby": false, "python ruby": false} {
		if got := matches([]string{"shared/python", "NumPy, SciPy", "解析"}, search); got != want {
			t.Errorf("%q: %v", search, got)
		}
	}
}
