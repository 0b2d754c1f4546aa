package vmlease

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDue(t *testing.T) {
	ends := at2027(3, 31, 9)
	l := Lease{VM: "vm-1", Owner: "u001", Ends: ends, Destroyed: ends.Add(7 * day)}
	losing := Concern{User: "u001", Lost: []Lost{{Host: "vm-1", Workspace: Workspace{Name: "cfd"}}}}
	losingTwo := Concern{User: "u001", Lost: append([]Lost{{Host: "vm-1", Workspace: Workspace{Name: "new"}}}, losing.Lost...)}
	nothing := Concern{User: "u001"}
	sent := func(stage int, before time.Duration, lost ...string) Warned {
		return Warned{User: "U001", Ends: ends.Add(time.Second), At: ends.Add(-before), Stage: stage, Lost: lost}
	}
	rules := Rules{Days: []int{2, 7, 14}}
	reminding := Rules{Days: rules.Days, Remind: true}
	for name, tt := range map[string]struct {
		rules  Rules
		l      Lease
		c      Concern
		before []Warned
		left   time.Duration
		stage  int
		due    bool
	}{
		"too early":                    {rules, l, losing, nil, 14*day + 1, 0, false},
		"the first day":                {rules, l, losing, nil, 14 * day, 14, true},
		"told":                         {rules, l, losing, []Warned{sent(14, 14*day, "vm-1/cfd")}, 10 * day, 14, false},
		"the next stage":               {rules, l, losing, []Warned{sent(14, 14*day, "vm-1/cfd")}, 7 * day, 7, true},
		"a stage was slept through":    {rules, l, losing, nil, day, 2, true},
		"told in a later stage":        {rules, l, losing, []Warned{sent(2, 2*day, "vm-1/cfd")}, 2*day - 1, 2, false},
		"another one was told":         {rules, l, losing, []Warned{{User: "u002", Ends: ends, Stage: 2, Lost: []string{"vm-1/cfd"}}}, day, 2, true},
		"told of an earlier end":       {rules, l, losing, []Warned{{User: "u001", Ends: ends.Add(-30 * day), Stage: 2, Lost: []string{"vm-1/cfd"}}}, day, 2, true},
		"only reminded":                {reminding, l, losing, []Warned{sent(7, 7*day)}, 6 * day, 7, true},
		"one more, within a day":       {rules, l, losingTwo, []Warned{sent(7, 6*day, "vm-1/cfd")}, 6*day - again + 1, 7, false},
		"one more, a day later":        {rules, l, losingTwo, []Warned{sent(7, 6*day, "vm-1/cfd")}, 6*day - again, 7, true},
		"one more on the last day":     {rules, l, losingTwo, []Warned{sent(2, 5*time.Hour, "vm-1/cfd")}, 4 * time.Hour, 2, true},
		"one more in the last moments": {rules, l, losingTwo, []Warned{sent(2, 5*time.Hour, "vm-1/cfd")}, 4*time.Hour + 1, 2, false},
		"one less":                     {rules, l, losing, []Warned{sent(7, 6*day, "vm-1/cfd", "vm-1/new")}, 3 * day, 7, false},
		"nothing to lose":              {rules, l, nothing, nil, day, 2, false},
		"a reminder":                   {reminding, l, nothing, nil, 14 * day, 14, true},
		"reminded":                     {reminding, l, nothing, []Warned{sent(14, 14*day)}, 7 * day, 7, false},
		"all is uploaded now":          {reminding, l, nothing, []Warned{sent(14, 14*day, "vm-1/cfd")}, 7 * day, 7, false},
		"over, and the disk there":     {rules, l, losing, []Warned{sent(2, day, "vm-1/cfd")}, -time.Hour, 0, true},
		"over, and told":               {rules, l, losing, []Warned{sent(0, -time.Hour, "vm-1/cfd")}, -day, 0, false},
		"over, with nothing to lose":   {reminding, l, nothing, nil, -day, 0, false},
		"gone":                         {rules, l, losing, nil, -7 * day, 0, false},
		"never":                        {rules, Lease{VM: "vm-1"}, losing, nil, 0, 0, false},
	} {
		stage, due := tt.rules.due(tt.l, tt.c, tt.before, ends.Add(-tt.left))
		if due != tt.due || due && stage != tt.stage {
			t.Errorf("%s: stage %d, due %v", name, stage, due)
		}
	}
}

func TestConcerns(t *testing.T) {
	leases := []Lease{
		{VM: "vm-1", Owner: "u001"}, {VM: "vm-2", Owner: "u001", Host: "two.example.ac.jp"}, {VM: "vm-3", Owner: "U001"}, {VM: "vm-4"}, {VM: "vm-5", Owner: "u009"},
	}
	report := func(user, host string, names ...string) Report {
		r := Report{User: user, Host: host}
		for _, n := range names {
			r.Workspaces = append(r.Workspaces, Workspace{Name: n})
		}
		return r
	}
	reports := []Report{
		report("u001", "VM-1.example.ac.jp.", "a"), report("u002", "vm-1", "guest"), report("u001", "two", "b"), report("u001", "two.example.com"),
		report("u001", "my-laptop", "homeless"), report("u003", "vm-4", "c"), report("u003", "nowhere", "d"), report("u001", "vm", "no-prefix"),
	}
	got := map[string][]string{}
	for i, all := range concerns(leases, reports) {
		for _, c := range all {
			text := c.User
			if c.Owner {
				text += " owns"
			}
			if c.Elsewhere {
				text += ", elsewhere"
			}
			for _, l := range c.Lost {
				text += " " + l.key()
			}
			got[leases[i].VM] = append(got[leases[i].VM], text)
		}
	}
	want := map[string][]string{
		"vm-1": {"u001 owns vm-1.example.ac.jp./a", "u002 guest"},
		"vm-2": {"u001 owns two/b"},
		"vm-3": {"U001 owns, elsewhere my-laptop/homeless vm/no-prefix"},
		"vm-4": {"u003 vm-4/c"},
		"vm-5": {"u009 owns"},
	}
	want["vm-1"][1] = "u002 vm-1/guest"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("concerns (-want +got):\n%s", diff)
	}
}
