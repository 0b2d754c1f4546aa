package secret

import (
	"slices"
	"strings"
)

// Redacted stands in a command where a secret was. It is one word of a shell, so that
// what is left of the command can still be read.
const Redacted = "REDACTED"

// span is a part of a text that has to go.
type span struct{ from, to int }

// mostCommand bounds what is looked at of one command. A longer one is a secret as a
// whole: nobody has looked.
const mostCommand = 1 << 20

// InCommand looks for secrets in what somebody typed in a shell, or a file of commands:
// tokens and keys known by their shape, passwords in URLs, values of variables, options
// and headers that are called like secrets, arguments of programs that are passwords by
// their place, and here-documents that write files of logins. It returns the command
// without them.
//
// It rather finds one too many than one too few: the price is a comment where a command
// could have been.
func InCommand(command string) (redacted string, found bool) {
	if len(command) > mostCommand {
		return Redacted, true
	}
	spans := slices.Concat(tokens(command), assignments(command), arguments(command))
	if len(spans) == 0 {
		return command, false
	}
	return cut(command, spans), true
}

// cut replaces the spans, joined where they overlap.
func cut(text string, spans []span) string {
	slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
	var out strings.Builder
	at := 0
	for i := 0; i < len(spans); {
		s := spans[i]
		for i++; i < len(spans) && spans[i].from <= s.to; i++ {
			s.to = max(s.to, spans[i].to)
		}
		out.WriteString(text[at:s.from])
		out.WriteString(Redacted)
		at = s.to
	}
	out.WriteString(text[at:])
	return out.String()
}

// tokens are what is known by its own shape.
func tokens(text string) []span {
	var all []span
	for _, s := range shapes {
		if !strings.Contains(text, s.anchor) {
			continue
		}
		for _, m := range s.match().FindAllStringSubmatchIndex(text, -1) {
			all = append(all, span{m[2], m[3]})
		}
	}
	for _, m := range privateKeyBlock().FindAllStringIndex(text, -1) {
		all = append(all, span{m[0], m[1]})
	}
	for _, m := range robot().FindAllStringSubmatchIndex(text, -1) {
		all = append(all, span{m[2], m[3]})
	}
	return append(all, inURLs(text)...)
}

// robot is the login of a Harbor robot account with its secret, as Harbor shows and
// exports both.
var robot = form(`robot\$[A-Za-z0-9_.+-]{1,200}["']?[\s:,]{1,3}(?:-p\s*|--password[ =]|["']?secret["']?\s*:\s*)?["']?([A-Za-z0-9]{20,})`)

// assignment is a name, something between, and a value: NAME=value, --name value,
// "name": "value", Name: value.
var assignment = form(`(?:^|[^A-Za-z0-9_$])([A-Za-z_][A-Za-z0-9_.-]{0,80}|--?[A-Za-z][A-Za-z0-9_-]{1,60})` +
	`(["']?\]?\s*(?:=>|:=|[=:])\s*|["']?,\s*(?:["'])|\s+)` +
	`("(?:[^"\\]|\\.)*"?|'[^']*'?|(?:[^\s"';&|<>()\\,}]|\\.)+)`)

// header is an HTTP header that logs in.
var header = form(`(?i)\b(?:(?:proxy-)?authorization|cookie)\s*:\s*(?:(?:basic|bearer|token|negotiate|digest)\s+)?([^\s"'\\]+)`)

// assignments are values that are called secrets.
func assignments(text string) []span {
	var all []span
	for at := 0; at < len(text); {
		m := assignment().FindStringSubmatchIndex(text[at:])
		if m == nil {
			break
		}
		for i := range m {
			m[i] += at
		}
		name, between, value := text[m[2]:m[3]], text[m[4]:m[5]], text[m[6]:m[7]]
		at = m[3] // a value may be a name itself
		spaced := strings.TrimSpace(between) == ""
		option := strings.HasPrefix(name, "--")
		if spaced && !option && !spokenName[strings.ToLower(name)] {
			continue
		}
		if spaced && strings.HasPrefix(value, "-") {
			continue
		}
		if !namesSecret(strings.TrimLeft(name, "-")) || !hides(value) {
			continue
		}
		all = append(all, unquoted(text, m[6], m[7]))
		at = m[7]
	}
	for _, m := range header().FindAllStringSubmatchIndex(text, -1) {
		if hides(text[m[2]:m[3]]) {
			all = append(all, span{m[2], m[3]})
		}
	}
	return all
}

// spokenName are names that a value follows after a blank, as in .netrc or in `aws
// configure set aws_secret_access_key …`.
var spokenName = map[string]bool{
	"password": true, "passwd": true, "aws_secret_access_key": true, "aws_session_token": true, "_authtoken": true, "oauth_token": true,
	"identified": true, "passphrase": true,
}

// unquoted leaves the quotes around a value where they are.
func unquoted(text string, from, to int) span {
	if to-from >= 2 && (text[from] == '"' || text[from] == '\'') {
		from++
		if text[to-1] == text[from-1] {
			to--
		}
	}
	return span{from, to}
}
