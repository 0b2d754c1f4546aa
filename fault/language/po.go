package language

import (
	"strconv"
	"strings"
)

// entry is a text in English and in another language.
type entry struct{ english, other string }

// parse reads the part of gettext's PO files that ours need: msgid, msgstr and the
// strings that go on below them. Comments are left out, and so is the header, whose
// msgid is empty. TestCatalogue has read the files before anybody else does.
func parse(text string) (all []entry) {
	var e entry
	part := &e.english
	add := func() {
		if e.english != "" {
			all = append(all, e)
		}
		e = entry{}
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "msgid "); ok {
			add()
			part, line = &e.english, rest
		} else if rest, ok := strings.CutPrefix(line, "msgstr "); ok {
			part, line = &e.other, rest
		}
		if s, err := strconv.Unquote(line); err == nil {
			*part += s
		}
	}
	add()
	return all
}
