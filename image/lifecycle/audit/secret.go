package audit

import (
	"fmt"
	"regexp"
	"strings"
)

// secretKey matches what a detail with a secret would be called: the last word counts,
// so that password_file and token_expires are none.
var secretKey = regexp.MustCompile(`(?i)(?:password|passwd|passphrase|secret|token|credential|authorization|api[_-]?key|private[_-]?key)s?$`)

// logins matches passwords in URLs, and what follows the name of a scheme of HTTP.
var logins = []struct {
	at   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`(://[^/\s:@]*):[^/\s@]+@`), "$1:***@"},
	{regexp.MustCompile(`(?i)\b(authorization: *basic|bearer) [a-z0-9+/._~=-]{8,}`), "$1 ***"},
}

func masked(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD") // JSON would write it so, and the hash not be found again
	for _, l := range logins {
		text = l.at.ReplaceAllString(text, l.with)
	}
	return text
}

// clean is an act as it may be written down. The error is for one that says itself that
// it has a secret.
func (a Act) clean() (Act, error) {
	clean := Act{Action: masked(a.Action), Subject: masked(a.Subject), Reason: masked(a.Reason)}
	for key, value := range a.Details {
		if secretKey.MatchString(key) {
			return Act{}, fmt.Errorf("the detail %q of %s would put a secret into the audit log", key, a.Action)
		}
		if clean.Details == nil {
			clean.Details = map[string]string{}
		}
		clean.Details[masked(key)] = masked(value)
	}
	return clean, nil
}
