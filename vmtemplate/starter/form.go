package starter

import (
	"regexp"
	"sync"
)

// form is a regular expression that is compiled when it is used: every command pays for
// what is done before.
func form(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
