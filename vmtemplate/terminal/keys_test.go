package terminal

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// all decodes everything, as if nothing more came.
func all(text string) []string {
	var keys []string
	for buf := []byte(text); len(buf) > 0; {
		k, n := decode(buf, true)
		if n == 0 {
			return append(keys, "stuck")
		}
		buf = buf[n:]
		if k.name == "text" {
			keys = append(keys, "text:"+k.text)
		} else if k.name != "" {
			keys = append(keys, k.name)
		}
	}
	return keys
}

func TestDecode(t *testing.T) {
	for name, test := range map[string]struct {
		typed string
		want  []string
	}{
		"letters":             {"aé日", []string{"text:a", "text:é", "text:日"}},
		"arrows":              {"\x1b[A\x1bOB\x1b[1;5C", []string{"up", "down"}},
		"escape":              {"\x1b", []string{"esc"}},
		"escape twice":        {"\x1b\x1b", []string{"esc", "esc"}},
		"escape and an arrow": {"\x1b\x1b[A", []string{"esc", "up"}},
		"alt":                 {"\x1bax", []string{"text:x"}},
		"controls":            {"\x03\r\n\x7f\t\x00", []string{"ctrl+c", "enter", "enter", "backspace", "tab"}},
		"a paste":             {"\x1b[200~a\nb\x1b[31mc\x1b[201~x", []string{"text:a b[31mc", "text:x"}},
		"a wide paste":        {"\x1b[200~山田\u3000太郎\x1b[201~", []string{"text:山田\u3000太郎"}},
		"half a sequence":     {"\x1b[1;", nil},
		"a broken sequence":   {"\x1b[1\rx", []string{"enter", "text:x"}},
		"a wide blank":        {"\u3000", []string{"text:\u3000"}},
		"no character":        {"\xff\xc3(", []string{"text:("}},
		"a mouse":             {"\x1b[<0;1;1Mx", []string{"text:x"}},
		"an answer":           {"\x1b[?2026;2$yx", []string{"text:x"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, all(test.typed)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for _, part := range []string{"\x1b", "\x1b[", "\x1b[1", "\x1bO", "\xe6\x97", "\x1b[200~abc"} {
		if k, n := decode([]byte(part), false); n != 0 {
			t.Errorf("%q is not waited for, but is %+v", part, k)
		}
	}
}

// FuzzDecode: it always comes to an end, and text has nothing that controls a terminal.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"abc", "\x1b[A", "\x1b[200~x\x1b[201~", "\x1b\x1b[[", "\xe6\x97\xa5", "\x1b[200~", "\x1b]52;c;x\x07"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, typed []byte) {
		for _, final := range []bool{false, true} {
			for buf := typed; len(buf) > 0; {
				k, n := decode(buf, final)
				if n < 0 || n > len(buf) || n == 0 && final && !strings.HasPrefix(string(buf), pasteBegins) {
					t.Fatalf("%q: %d bytes", buf, n)
				}
				if n == 0 {
					break
				}
				if strings.ContainsAny(k.text, "\x1b\x07\r\n\x00\x7f") {
					t.Fatalf("%q is text %q", buf[:n], k.text)
				}
				buf = buf[n:]
			}
		}
	})
}
