package harbor

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzParseError: whatever a registry says fits on one line of a terminal.
func FuzzParseError(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", `{"errors":[{"code":"DENIED","message":"adding 882.1 KiB of storage resource"}]}`, `{"code":422,"message":"m"}`,
		`{"errors":[{"code":7},{"message":null},null]}`, `{"errors":[]}`, "<html>", "text\nof two lines\x1b[0m", "\xff\xfe{", `{"errors":[{"message":"` + strings.Repeat("é", maxMessage) + `"}]}`,
		`{"ERRORS":[{"Code":"x"}]}`, "{\"errors\":[{\"message\":\"\\u202e\\ud800\"}]}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		code, message := ParseError(body)
		for _, s := range []string{code, message} {
			if !utf8.ValidString(s) || len(s) > maxMessage+len("…") {
				t.Errorf("%q is too long, or no text", s)
			}
			if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q steers a terminal", s)
			}
		}
	})
}

func TestOnce(t *testing.T) {
	for in, want := range map[string]string{"a: a": "a", "a: b: a: b": "a: b", "a: b": "a: b", "a: a: a": "a: a: a", "": "", ": ": ": ", "a": "a", ": : ": ": : "} {
		if got := once(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}
