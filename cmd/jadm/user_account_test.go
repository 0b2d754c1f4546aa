package main

import (
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/image/lifecycle/onboarding"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
)

// TestAccountsLastDay: the last day is told, not the one after.
func TestAccountsLastDay(t *testing.T) {
	tokyo := time.FixedZone("JST", 9*60*60)
	for name, x := range map[string]struct {
		standing string
		expires  time.Time
		locked   bool
		want     string
	}{
		"for ever":             {onboarding.Active, time.Time{}, false, "active"},
		"a day of a list":      {onboarding.Active, time.Date(2027, 4, 1, 0, 0, 0, 0, tokyo), false, "active, until 2027-03-31"},
		"a time of the day":    {onboarding.Active, time.Date(2027, 3, 31, 12, 0, 0, 0, tokyo), false, "active, until 2027-03-31"},
		"over, and locked too": {onboarding.Over, time.Date(2026, 4, 1, 0, 0, 0, 0, tokyo), true, onboarding.Over + ", locked, since 2026-04-01"},
	} {
		t.Run(name, func(t *testing.T) {
			s := onboarding.Status{Standing: x.standing, Expires: x.expires, Person: people.Person{Disabled: x.locked}}
			if got := account(s); got != x.want {
				t.Errorf("account is %q, want %q", got, x.want)
			}
		})
	}
}
