package screen

import (
	"strings"
	"testing"
)

// TestWide: wide characters stand where terminals put them, also at ends of lines and
// when they arrive in pieces.
func TestWide(t *testing.T) {
	for name, test := range map[string]struct{ written, want string }{
		"in a line":            {"日本 x", "日本 x\n"},
		"to the end":           {"日本日本日x", "日本日本日\nx\n"},
		"wide after the end":   {"日本日本日本語", "日本日本日\n本語\n"},
		"one column left":      {"x日本日本日本", "x日本日本\n日本\n"},
		"narrow to the end":    {"0123456789x", "0123456789\nx\n"},
		"return at the end":    {"日本日本日\rx", "x 本日本日\n"},
		"line feed at the end": {"日本日本日\r\nx", "日本日本日\nx\n"},
		"colors at the end":    {"日本日本日\x1b[1m\r\nx", "日本日本日\nx\n"},
		"overwritten":          {"日本\x1b[3Gxy", "日xy\n"},
		"erased to the end":    {"日本\x1b[3G\x1b[K", "日\n"},
		"a line above":         {"日本\r\n\x1b[Ax", "x 本\n"},
		"a title is not shown": {"\x1b]0;title\x07日", "日\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s := New(t, 10, 5)
			for i := range len(test.written) {
				s.feed([]byte(test.written[i : i+1]))
			}
			if got := strings.ReplaceAll(s.text(), "\u00a0", " "); got != test.want {
				t.Errorf("byte by byte:\n%s", got)
			}
			s = New(t, 10, 5)
			s.feed([]byte(test.written))
			if got := s.text(); got != test.want {
				t.Errorf("at once:\n%s", got)
			}
		})
	}
}
