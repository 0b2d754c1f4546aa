package secret

import "strings"

// mostUserinfo bounds the part of a URL before its host.
const mostUserinfo = 1000

// inURLs are passwords between the scheme and the host of URLs (RFC 3986, 3.2.1), and
// tokens that stand there alone.
func inURLs(text string) []span {
	var all []span
	for at := 0; ; {
		next := strings.Index(text[at:], "://")
		if next < 0 {
			return all
		}
		at += next + len("://")
		authority := text[at:min(len(text), at+mostUserinfo)]
		if i := strings.IndexAny(authority, " \t\n\r/?#\"'`<>"); i >= 0 {
			authority = authority[:i]
		}
		userinfo, host, ok := cutLast(authority, '@')
		if !ok || host == "" {
			continue
		}
		name, password, both := strings.Cut(userinfo, ":")
		from := at + len(name) + 1
		switch {
		case both && password != "" && !reference().MatchString(password):
			all = append(all, span{from, at + len(userinfo)})
			if len(name) >= 16 && !reference().MatchString(name) {
				all = append(all, span{at, at + len(name)}) // the token is the name, and the password a filler
			}
		case len(name) >= 16 && !strings.Contains(name, ".") && !reference().MatchString(name):
			all = append(all, span{at, at + len(name)})
		}
	}
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}
