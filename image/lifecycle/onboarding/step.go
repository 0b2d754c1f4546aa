package onboarding

import (
	"fmt"

	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
)

// Step is something that was done, or would be.
type Step struct {
	Action  string `json:"action"`  // as in the audit log: project.create, member.add, …
	Subject string `json:"subject"` // what it was done to
	Detail  string `json:"detail,omitempty"`
}

func (s Step) String() string {
	if s.Detail == "" {
		return s.Action + " " + s.Subject
	}
	return fmt.Sprintf("%s %s (%s)", s.Action, s.Subject, s.Detail)
}

// steps does things, or only says that it would.
type steps struct {
	audit  audit.Recorder
	person string // ID
	dryRun bool
	done   []Step
}

// do records a step, and does it unless it is a dry run.
func (s *steps) do(step Step, f func() error) error {
	if s.dryRun {
		s.done = append(s.done, step)
		return nil
	}
	act := audit.Act{Action: step.Action, Subject: step.Subject, Reason: "onboarding " + s.person}
	if step.Detail != "" {
		act.Details = map[string]string{"detail": step.Detail}
	}
	if err := s.audit.Do(act, f); err != nil {
		return err
	}
	s.done = append(s.done, step)
	return nil
}
