package workspace

import (
	"testing"
	"time"
)

func TestUnpushed(t *testing.T) {
	day := time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)
	push := func(at time.Time, writes int64) []Push { return []Push{{Image: "h/p/r:1", At: at, Writes: writes}} }
	for name, tt := range map[string]struct {
		s    Summary
		want bool
	}{
		"new":                           {Summary{State: State{Used: day}}, false},
		"changed":                       {Summary{State: State{Used: day, Writes: 1}, Bytes: 10, Own: true}, true},
		"only deleted something":        {Summary{State: State{Used: day, Writes: 1}, Own: true}, true},
		"used without a change":         {Summary{State: State{Used: day, Writes: 1}}, false},
		"of an older jbuild":            {Summary{State: State{Used: day}, Bytes: 10, Own: true}, true},
		"uploaded":                      {Summary{State: State{Used: day, Writes: 2, Pushes: push(day.Add(time.Hour), 2)}, Bytes: 10}, false},
		"uploaded in the same second":   {Summary{State: State{Used: day, Writes: 2, Pushes: push(day, 2)}, Bytes: 10}, false},
		"used again in the same second": {Summary{State: State{Used: day, Writes: 3, Pushes: push(day, 2)}, Bytes: 10}, true},
		"copied into afterwards":        {Summary{State: State{Used: day, Writes: 3, Pushes: push(day.Add(time.Hour), 2)}, Bytes: 10}, true},
		"the clock was set back":        {Summary{State: State{Used: day, Writes: 3, Pushes: push(day.Add(time.Hour), 2)}, Bytes: 10}, true},
		"uploaded by an older jbuild":   {Summary{State: State{Used: day, Pushes: push(day.Add(time.Hour), 0)}, Bytes: 10}, false},
		"used afterwards, by an older":  {Summary{State: State{Used: day.Add(2 * time.Hour), Pushes: push(day.Add(time.Hour), 0)}, Bytes: 10}, true},
		"used afterwards, by this":      {Summary{State: State{Used: day.Add(2 * time.Hour), Writes: 1, Pushes: push(day.Add(time.Hour), 0)}, Bytes: 10}, true},
	} {
		if got := tt.s.Unpushed(); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
