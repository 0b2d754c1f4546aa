package people

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"
)

// mostText bounds an attribute, in bytes.
const mostText = 1000

// line makes one line of text that cannot steer a terminal or begin a header.
func line(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
	if len(s) > mostText {
		cut := mostText
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut]
	}
	return strings.TrimSpace(s)
}

// address is a mail address without a name beside it; empty if it is none.
func address(s string) string {
	a, err := mail.ParseAddress(strings.TrimSpace(s))
	if err != nil || line(a.Address) != a.Address || len(a.Address) > 320 {
		return ""
	}
	return a.Address
}

// language is en or ja; empty if it is neither. RFC 2798 writes it as Accept-Language
// of HTTP: "ja, en;q=0.8".
func language(s string) string {
	for part := range strings.SplitSeq(strings.ToLower(s), ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		tag, _, _ = strings.Cut(strings.ReplaceAll(tag, "_", "-"), "-")
		if tag == "en" || tag == "ja" {
			return tag
		}
	}
	return ""
}
