package gpu

import (
	"fmt"
	"io"
	"slices"
)

// Places inside.
const (
	Root       = "/run/jrun/gpu"
	LibraryDir = Root + "/lib"
)

// Kind is what an item is.
type Kind string

// The kinds of items.
const (
	File      Kind = "file"      // Host is shown at Inside
	Directory Kind = "directory" // likewise
	Device    Kind = "device"    // a node below /dev
	Symlink   Kind = "symlink"   // another name of a file: Host is shown there again
	Variable  Kind = "variable"  // Inside is its name
)

// Item is one thing that is brought into the image.
type Item struct {
	Kind     Kind
	Host     string // path on the host; of a symlink, of what it stands for
	Inside   string // path inside, or a variable's name
	Value    string // of a variable
	Writable bool   // of files and directories; others are shown read-only
	Why      string // what it is for
	Rule     string // what decided it: a CDI file and device, or a built-in rule
}

// Outcome is how a decision went.
type Outcome string

// The outcomes.
const (
	Granted Outcome = "granted" // as it should be
	Noted   Outcome = "noted"   // worth knowing; nothing is missing
	Ignored Outcome = "ignored" // was asked for and is not done, with a reason
	Refused Outcome = "refused" // is missing, and programs may fail
)

// Verdict is a decision about something that is not, or not only, an item.
type Verdict struct {
	Subject string // a device, library, hook, constraint …
	Outcome Outcome
	Reason  string
	Next    string // what to do about it; may be empty
}

// Injection is what a job gets, and why.
type Injection struct {
	Items       []Item
	LibraryDirs []string // to be put behind the image's LD_LIBRARY_PATH
	Verdicts    []Verdict
}

// Env returns the variables, "NAME=value".
func (i *Injection) Env() []string {
	var env []string
	for _, item := range i.Items {
		if item.Kind == Variable {
			env = append(env, item.Inside+"="+item.Value)
		}
	}
	return env
}

// Warnings are the verdicts that a person must know before the program runs.
func (i *Injection) Warnings() []Verdict {
	return slices.DeleteFunc(slices.Clone(i.Verdicts), func(v Verdict) bool { return v.Outcome != Refused })
}

// add appends an item, unless its place is taken already: by the same, when two
// devices ask for it, or by what came first.
func (i *Injection) add(item Item) {
	if !slices.ContainsFunc(i.Items, func(o Item) bool {
		return o.Inside == item.Inside && (o.Kind == Variable) == (item.Kind == Variable)
	}) {
		i.Items = append(i.Items, item)
	}
}

func (i *Injection) judge(outcome Outcome, subject, next, reason string, args ...any) {
	v := Verdict{Subject: subject, Outcome: outcome, Reason: fmt.Sprintf(reason, args...), Next: next}
	if !slices.Contains(i.Verdicts, v) {
		i.Verdicts = append(i.Verdicts, v)
	}
}

// shown returns the item at a path inside.
func (i *Injection) shown(inside string) (Item, bool) {
	at := slices.IndexFunc(i.Items, func(o Item) bool { return o.Kind != Variable && o.Inside == inside })
	if at < 0 {
		return Item{}, false
	}
	return i.Items[at], true
}

// Explain prints everything, for people.
func (i *Injection) Explain(w io.Writer) {
	for _, item := range i.Items {
		from := ""
		switch {
		case item.Kind == Variable:
			from = "=" + item.Value
		case item.Host != item.Inside:
			from = " from " + item.Host
		}
		fmt.Fprintf(w, "%-9s %s%s\n            why:  %s\n            rule: %s\n", item.Kind, item.Inside, from, item.Why, item.Rule)
	}
	for _, dir := range i.LibraryDirs {
		fmt.Fprintf(w, "search    %s, behind the image's LD_LIBRARY_PATH\n", dir)
	}
	for _, v := range i.Verdicts {
		fmt.Fprintf(w, "%-9s %s: %s\n", v.Outcome, v.Subject, v.Reason)
		if v.Next != "" {
			fmt.Fprintf(w, "            next: %s\n", v.Next)
		}
	}
}
