package terminal

import (
	"io"
	"strings"
	"testing"

	"github.com/charmbracelet/x/vt"
	"pgregory.net/rapid"
)

// drawn is what a frame's bytes make of an empty screen.
func drawn(out string, columns, rows int) string {
	e := vt.NewEmulator(columns, rows)
	defer e.Close()
	_, _ = io.WriteString(e, out)
	var b strings.Builder
	for y := range rows {
		var row strings.Builder
		for x := 0; x < columns; {
			c := e.CellAt(x, y)
			if c == nil || c.Content == "" {
				row.WriteByte(' ')
				x++
				continue
			}
			row.WriteString(c.Content)
			x += max(c.Width, 1)
		}
		b.WriteString(strings.TrimRight(row.String(), " ") + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

// TestFrameDrawsWhatItIsGiven: whatever was drawn before, after a change the screen is as
// if only the last frame had been drawn.
func TestFrameDrawsWhatItIsGiven(t *testing.T) {
	const columns, rows = 24, 8
	words := rapid.SampledFrom([]string{"a", "b", " ", "日", "本", "語", "e", "-", "=", "→", "…"})
	lines := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) line {
		var l line
		for _, w := range rapid.SliceOfN(words, 0, 11).Draw(t, "words") {
			l = append(l, cut(w, style(rapid.IntRange(0, int(picked)).Draw(t, "style")))...)
		}
		return l
	}), 0, rows-1)
	rapid.Check(t, func(t *rapid.T) {
		var all strings.Builder
		f := &frame{out: &all, color: rapid.Bool().Draw(t, "color"), columns: columns}
		var last []line
		for range rapid.IntRange(1, 6).Draw(t, "frames") {
			last = lines.Draw(t, "lines")
			at := cursor{row: rapid.IntRange(0, rows).Draw(t, "row"), column: rapid.IntRange(0, columns-1).Draw(t, "column"), visible: rapid.Bool().Draw(t, "visible")}
			f.show(last, at)
		}
		var want []string
		for _, l := range last {
			want = append(want, strings.TrimRight(l.text(), " "))
		}
		if got := drawn(all.String(), columns, rows); got != strings.TrimRight(strings.Join(want, "\n"), "\n") {
			t.Errorf("the screen is\n%s\ninstead of\n%s\nafter %q", got, strings.Join(want, "\n"), all.String())
		}
	})
}

// TestFewBytes: what moving in a list sends, on a slow line, in Japanese.
func TestFewBytes(t *testing.T) {
	l := newList(printer("ja"), longChoice(40))
	var out strings.Builder
	f := &frame{out: &out, color: true, columns: 80}
	show := func() int {
		before := out.Len()
		lines, at := l.draw(80, 23)
		f.show(lines, at)
		return out.Len() - before
	}
	first := show()
	if _, err := l.key(key{name: "down"}); err != nil {
		t.Fatal(err)
	}
	moved := show()
	_, _ = l.key(key{name: "text", text: "x"})
	typed := show()
	t.Logf("the first frame has %d bytes, an arrow key %d, a letter of a search %d", first, moved, typed)
	if again := show(); again != 0 {
		t.Errorf("%d bytes although nothing has changed", again)
	}
	if moved > 200 {
		t.Errorf("an arrow key sends %d bytes: %q", moved, out.String()[first:first+moved])
	}
	q := newQuestion(t.Context(), printer("ja"), longQuestion())
	var typing strings.Builder
	f = &frame{out: &typing, columns: 80}
	lines, at := q.draw(80, 23)
	f.show(lines, at)
	before := typing.Len()
	_, _ = q.key(key{name: "text", text: "x"})
	lines, at = q.draw(80, 23)
	f.show(lines, at)
	if n := typing.Len() - before; n > 20 {
		t.Errorf("a letter sends %d bytes: %q", n, typing.String()[before:])
	}
}

// TestNoColor: with NO_COLOR there are none, and nothing is lost by it.
func TestNoColor(t *testing.T) {
	for _, color := range []bool{true, false} {
		var out strings.Builder
		f := &frame{out: &out, color: color}
		f.show([]line{cut("x", accent), cut("y", bad), cut("z", picked)}, cursor{})
		if got := strings.Contains(out.String(), ";3"); got != color {
			t.Errorf("colors: %v, wanted %v: %q", got, color, out.String())
		}
	}
}

// TestHostileText: what registries and files say cannot control the terminal.
func TestHostileText(t *testing.T) {
	hostile := "x\x1b]52;c;aGk=\x07\x1b[2J\x9b31m\u202e\r\n\x00y"
	var out strings.Builder
	f := &frame{out: &out, color: false}
	f.show([]line{cut(hostile, normal)}, cursor{})
	if got := out.String(); strings.ContainsAny(got, "\x07\x00\u202e\u009b") || strings.Contains(got, "\x1b]") || strings.Contains(got, "\x1b[2J") {
		t.Errorf("%q", got)
	}
}

// TestDoneMark: a check mark only where the terminal has one.
func TestDoneMark(t *testing.T) {
	for _, test := range []struct{ term, lcAll, lang, want string }{
		{"xterm", "", "ja_JP.UTF-8", "\u2713 "},
		{"linux", "", "ja_JP.UTF-8", "* "},
		{"xterm", "C", "ja_JP.UTF-8", "* "},
		{"xterm", "", "ja_JP.eucJP", "* "},
		{"xterm", "", "", "* "},
	} {
		getenv := func(name string) string {
			return map[string]string{"TERM": test.term, "LC_ALL": test.lcAll, "LANG": test.lang}[name]
		}
		if got := doneMark(getenv); got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
}
