package flow

import (
	"cmp"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/change"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// tellChanges says what a session has done: packages by what happened to them, then
// files, then what stays out, then what should be looked at.
func (s *Session) tellChanges(name string, c Changes) {
	if c.None() {
		s.Face.Tell(Notice{ID: "no-changes", Kind: Info, Title: message.Of("flow.changes.none", name)})
	} else {
		n := Notice{ID: "changes", Kind: Success, Title: message.Of("flow.changes", name)}
		for _, manager := range managers(c.Packages) {
			n.Table = append(n.Table, packageRows(manager, c.Packages)...)
		}
		n.Table = append(n.Table, []message.Text{message.Of("flow.changes.files"), message.Of("flow.changes.files.count", c.Files, message.Bytes(c.Bytes))})
		for _, l := range c.Left {
			n.Table = append(n.Table, []message.Text{message.Of("flow.changes.left"), message.Of("flow.changes.left.count", reason(l.Why), l.Files, message.Bytes(l.Bytes))})
		}
		s.Face.Tell(n)
	}
	if len(c.Suspects) > 0 {
		s.Face.Tell(suspicion(c.Suspects))
	}
}

func managers(all []Package) []string {
	var names []string
	for _, p := range all {
		names = append(names, p.Manager)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// packageRows are a manager's packages that came, changed and went, one row each.
func packageRows(manager string, all []Package) (rows [][]message.Text) {
	var added, changed, removed []string
	for _, p := range all {
		switch {
		case p.Manager != manager:
		case p.Was == "":
			added = append(added, p.Name)
		case p.Is == "":
			removed = append(removed, p.Name)
		default:
			changed = append(changed, p.Name+" "+p.Is)
		}
	}
	add := func(what message.Text, names []string) {
		if len(names) > 0 {
			rows = append(rows, []message.Text{what, message.Of("flow.changes.packages", manager, len(names), some(names))})
		}
	}
	add(message.Of("flow.changes.added"), added)
	add(message.Of("flow.changes.upgraded"), changed)
	add(message.Of("flow.changes.removed"), removed)
	return rows
}

// mostNames is how many packages are called by name; an installation brings dozens.
const mostNames = 6

// some are the first names, with dots where there are more.
func some(names []string) string {
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	if len(names) > mostNames {
		return strings.Join(names[:mostNames], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}

// Text is why it stays out, in words.
func (l Left) Text() message.Text { return reason(l.Why) }

func reason(r change.Reason) message.Text {
	switch r {
	case change.Cache:
		return message.Of("flow.left.cache")
	case change.History:
		return message.Of("flow.left.history")
	case change.Secret:
		return message.Of("flow.left.secret")
	default:
		return message.Of("flow.left.ours")
	}
}

// mostSuspects is how many are listed; the question is the same for all.
const mostSuspects = 8

func suspicion(all []Suspect) Notice {
	n := Notice{ID: "suspects", Kind: Warning, Title: message.Of("flow.suspects", len(all)), Body: []message.Text{message.Of("flow.suspects.body")}}
	for i, suspect := range all {
		if i == mostSuspects {
			n.Table = append(n.Table, []message.Text{message.Plain("..."), message.Of("flow.suspects.more", len(all)-i)})
			break
		}
		n.Table = append(n.Table, []message.Text{message.Plain(suspect.Path), suspect.Why})
	}
	return n
}
