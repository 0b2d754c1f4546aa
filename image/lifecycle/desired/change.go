package desired

import (
	"cmp"
	"context"
	"slices"
)

// Needs is what has to be said before a change is made.
type Needs string

// Kinds of consent.
const (
	NeedsAdopt Needs = "adopt" // it takes over what jadm did not make
	NeedsPrune Needs = "prune" // it takes away what jadm did not give
)

// Change is one step from what is to what should be.
type Change struct {
	Kind    string `json:"kind"`    // project.create, member.remove, …; as in the audit log
	Project string `json:"project"` // at Harbor
	Subject string `json:"subject"` // "member u001 of lab-suzuki"
	Before  string `json:"before,omitempty"`
	After   string `json:"after,omitempty"`
	Needs   Needs  `json:"needs,omitempty"`
	Reason  string `json:"reason,omitempty"`

	rank int
	act  action
}

// action is what a change does.
type action interface {
	// do makes the change at Harbor, and keeps what jadm owns in step.
	do(ctx context.Context, j *job) error
}

// Sign is + for what is made, - for what is removed, ~ for what changes, and = for what
// is taken over as it is.
func (c Change) Sign() string {
	switch {
	case c.rank == rankAdopt:
		return "="
	case c.Before == "":
		return "+"
	case c.After == "":
		return "-"
	}
	return "~"
}

// Ranks are the order of changes in a project: each needs at most those before it.
const (
	rankCreate = iota
	rankAdopt
	rankRule
	rankQuota
	rankMember
	rankRobot
	rankWebhook
	rankImmutable
	rankRetention
	rankDelete
)

// Problem is something of the file, or of the people, that cannot be done.
type Problem struct {
	Subject string `json:"subject"`
	Why     string `json:"why"`
	Next    string `json:"next"` // what to do about it
}

// Plan is the difference between what is and what should be.
type Plan struct {
	Changes  []Change  `json:"changes"`
	Held     []Change  `json:"held"`     // that wait for --adopt or --prune
	Problems []Problem `json:"problems"` // that changes cannot solve
}

// Removals is how many things the plan takes away that need NeedsPrune.
func (p Plan) Removals() int {
	n := 0
	for _, c := range p.Changes {
		if c.Needs == NeedsPrune {
			n++
		}
	}
	return n
}

func (p *Plan) sort() {
	order := func(a, b Change) int {
		return cmp.Or(
			cmp.Compare(btoi(a.rank == rankDelete), btoi(b.rank == rankDelete)),
			cmp.Compare(a.Project, b.Project), cmp.Compare(a.rank, b.rank), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Kind, b.Kind))
	}
	slices.SortStableFunc(p.Changes, order)
	slices.SortStableFunc(p.Held, order)
	slices.SortStableFunc(p.Problems, func(a, b Problem) int { return cmp.Compare(a.Subject, b.Subject) })
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
