package flow

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// Names as the distribution specification has them. A workspace's name is one component
// of a repository's, so that it can be the image's, too.
var (
	componentForm  = form(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$`)
	repositoryForm = form(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)+$`)
	referenceForm  = form(`^((localhost|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+|[A-Za-z0-9-]+:[0-9]+)(:[0-9]+)?/)?[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$`)
	tagForm        = form(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
)

// form is a regular expression that is compiled when it is used: every command pays for
// what is done before.
func form(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// mostNameLetters keeps names of workspaces short enough for a column.
const mostNameLetters = 40

// checkWorkspaceName says why a name cannot be a workspace's.
func checkWorkspaceName(name string, taken map[string]bool) message.Text {
	switch {
	case name == "":
		return message.Of("flow.name.empty")
	case len(name) > mostNameLetters:
		return message.Of("flow.name.long", mostNameLetters)
	case !componentForm().MatchString(name):
		return message.Of("flow.name.form")
	case taken[name]:
		return message.Of("flow.name.taken")
	}
	return message.Text{}
}

// proposeWorkspaceName is the base's last word, with a number if that is taken.
func proposeWorkspaceName(base string, taken map[string]bool) string {
	name := base[strings.LastIndexByte(base, '/')+1:]
	name, _, _ = strings.Cut(name, "@")
	name, _, _ = strings.Cut(name, ":")
	if !componentForm().MatchString(name) || len(name) > mostNameLetters-4 {
		name = "image"
	}
	return untaken("my-"+name, "-", taken)
}

// proposeTag is the next number where the newest tag is a number, and the day where it
// is not.
func proposeTag(tags []Tag, now time.Time) string {
	taken := map[string]bool{}
	for _, t := range tags {
		taken[t.Name] = true
	}
	if len(tags) > 0 {
		if n, err := strconv.Atoi(tags[0].Name); err == nil && n >= 0 && n < 1e6 {
			for taken[strconv.Itoa(n)] {
				n++
			}
			return strconv.Itoa(n)
		}
	}
	return untaken(now.Format("2006-01-02"), ".", taken)
}

// untaken is name, or name with the first number from 2 that is free.
func untaken(name, between string, taken map[string]bool) string {
	if !taken[name] {
		return name
	}
	for n := 2; ; n++ {
		if numbered := name + between + strconv.Itoa(n); !taken[numbered] {
			return numbered
		}
	}
}
