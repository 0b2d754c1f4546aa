package gpu

import (
	"fmt"
	"slices"

	"github.com/jrun-hpc/jrun/runtime/inject"
)

// Places inside.
const (
	Root       = "/run/jrun/gpu"
	LibraryDir = Root + "/lib"
)

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
	Items    []inject.Item
	Verdicts []Verdict
}

// Warnings are the verdicts that a person must know before the program runs.
func (i *Injection) Warnings() []Verdict {
	return slices.DeleteFunc(slices.Clone(i.Verdicts), func(v Verdict) bool { return v.Outcome != Refused })
}

// add appends an item, unless its place is taken already: by the same, when two
// devices ask for it, or by what came first.
func (i *Injection) add(item inject.Item) {
	if !slices.ContainsFunc(i.Items, func(o inject.Item) bool {
		return o.Inside == item.Inside && o.IsVariable() == item.IsVariable()
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
func (i *Injection) shown(inside string) (inject.Item, bool) {
	at := slices.IndexFunc(i.Items, func(o inject.Item) bool { return !o.IsVariable() && o.Inside == inside })
	if at < 0 {
		return inject.Item{}, false
	}
	return i.Items[at], true
}
