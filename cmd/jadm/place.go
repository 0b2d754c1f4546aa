package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/desired"
	"github.com/jrun-hpc/jrun/image/lifecycle/onboarding"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
)

// place gives people what desired.toml has for them: a plan of one person.
type place struct{ site *desired.Site }

var _ onboarding.Place = place{}

// Prepare implements onboarding.Place.
func (p place) Prepare(ctx context.Context, person people.Person, project string, dryRun bool) ([]onboarding.Step, error) {
	o := desired.Options{Scope: desired.Scope{Person: person.ID}}
	var steps []onboarding.Step
	if dryRun {
		plan, err := p.site.Plan(ctx, o)
		for _, c := range plan.Changes {
			steps = append(steps, stepOf(c))
		}
		return steps, placeFault(plan, project, err)
	}
	plan, err := p.site.Apply(ctx, o, nil, func(c desired.Change, err error) {
		if err == nil {
			steps = append(steps, stepOf(c))
		}
	})
	return steps, placeFault(plan, project, err)
}

func stepOf(c desired.Change) onboarding.Step {
	return onboarding.Step{Action: c.Kind, Subject: c.Subject, Detail: c.After}
}

// placeFault says what keeps a person from having their place: a project that is not
// jadm's, or what the plan cannot solve.
func placeFault(plan desired.Plan, project string, err error) error {
	if err != nil {
		return err
	}
	for _, c := range plan.Held {
		if c.Project == project && c.Needs == desired.NeedsAdopt {
			return fault.Newf(fmt.Errorf("%w: jadm did not make it (%s)", onboarding.ErrTaken, c.Reason),
				"look at it: jadm plan --person "+project+"\nand if it is this person's: jadm apply --adopt --person "+project, "the project %s is there already", project)
		}
	}
	for _, problem := range plan.Problems {
		return fault.New(problem.Subject+" cannot be done", errors.New(problem.Why), problem.Next)
	}
	return nil
}
