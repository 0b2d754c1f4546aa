package printable

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestMade(t *testing.T) {
	for name, test := range map[string]struct{ text, wantText, wantLine string }{
		"plain":          {"a b, é 画 ‘c’", "a b, é 画 ‘c’", "a b, é 画 ‘c’"},
		"nothing":        {"", "", ""},
		"lines":          {"a\n  b\tc\n", "a\n  b\tc\n", "a b c"},
		"Windows":        {"a\r\nb", "a\uFFFD\nb", "a b"},
		"escape":         {"a\x1b[2Jb\x07", "a\uFFFD[2Jb\uFFFD", "a\uFFFD[2Jb\uFFFD"},
		"C1":             {"a\u009b2Jb", "a\uFFFD2Jb", "a\uFFFD2Jb"},
		"delete":         {"a\x7f", "a\uFFFD", "a\uFFFD"},
		"overrides":      {"a\u202egpj\u2066b", "a\uFFFDgpj\uFFFDb", "a\uFFFDgpj\uFFFDb"},
		"without width":  {"a\u200bb\ufeff", "a\uFFFDb\uFFFD", "a\uFFFDb\uFFFD"},
		"other lines":    {"a\u2028b\u0085c\vd", "a\uFFFDb\uFFFDc\uFFFDd", "a b c d"},
		"no text":        {"a\xffb\xc3", "a\uFFFDb\uFFFD", "a\uFFFDb\uFFFD"},
		"Japanese space": {"山田\u3000太郎", "山田\u3000太郎", "山田 太郎"},
		"padding":        {"a" + strings.Repeat(" ", 80) + "root# ", "a" + strings.Repeat(" ", 80) + "root# ", "a root#"},
	} {
		if got := Text(test.text); got != test.wantText {
			t.Errorf("%s: text is %q, not %q", name, got, test.wantText)
		}
		if got := Line(test.text); got != test.wantLine {
			t.Errorf("%s: line is %q, not %q", name, got, test.wantLine)
		}
		if is, want := Is(test.text), test.text == test.wantLine || name == "padding" || name == "Japanese space"; is != want {
			t.Errorf("%s: is printable: %v", name, is)
		}
	}
}

func TestCut(t *testing.T) {
	for _, test := range []struct {
		text         string
		most         int
		bytes, runes string
	}{
		{"abc", 3, "abc", "abc"}, {"abcd", 3, "abc…", "ab…"}, {"画面", 6, "画面", "画面"}, {"画面", 5, "画…", "画面"}, {"画面が", 2, "…", "画…"}, {"画", 1, "…", "画"}, {"", 1, "", ""},
	} {
		if got := CutBytes(test.text, test.most); got != test.bytes {
			t.Errorf("%q of %d bytes is %q", test.text, test.most, got)
		}
		if got := CutRunes(test.text, test.most); got != test.runes {
			t.Errorf("%q of %d characters is %q", test.text, test.most, got)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	for _, text := range []string{"a b", "", " a\n\tb ", "\x1b]52;c;aGk=\x07", "\u202egpj.exe\u2069", "a\xff\xc3", "画\u3000面\u00a0", "\u2028\r\v\u0085", "e\u0301\U000e0041"} {
		f.Add(text, 3)
	}
	f.Fuzz(func(t *testing.T, text string, most int) {
		many, one := Text(text), Line(text)
		for r := range strings.SplitSeq(many, "") {
			if r != "\n" && r != "\t" && !Is(r) {
				t.Errorf("text has %q: %q", r, many)
			}
		}
		switch {
		case !Is(one) || strings.ContainsFunc(one, func(r rune) bool { return r != ' ' && unicode.IsSpace(r) }):
			t.Errorf("line is %q", one)
		case strings.Contains(one, "  ") || strings.TrimSpace(one) != one:
			t.Errorf("line has needless space: %q", one)
		case Text(many) != many || Line(one) != one || Line(many) != one && !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) && Text(string(r)) != string(r) }):
			t.Errorf("twice is something else: %q, %q", many, one)
		case utf8.RuneCountInString(many) != utf8.RuneCountInString(text):
			t.Errorf("characters are missing: %q is %q", text, many)
		case Is(text) && (many != text || strings.Join(strings.Fields(text), " ") != one):
			t.Errorf("%q is printable, and changed: %q, %q", text, many, one)
		}
		if most = min(max(most, 1), 100); utf8.ValidString(text) {
			b, r := CutBytes(text, most), CutRunes(text, most)
			if len(b) > most+len("…") || !utf8.ValidString(b) || !strings.HasPrefix(text, strings.TrimSuffix(b, "…")) {
				t.Errorf("%q of %d bytes: %q", text, most, b)
			}
			if utf8.RuneCountInString(r) > most || !strings.HasPrefix(text, strings.TrimSuffix(r, "…")) {
				t.Errorf("%q of %d characters: %q", text, most, r)
			}
		}
	})
}
