package vmlease

import (
	"slices"
	"strings"
	"time"
)

// Rules say when one is warned.
type Rules struct {
	Days   []int // before the end
	Remind bool  // once, those of whom nothing would be lost
}

// Warned is a letter that was sent.
type Warned struct {
	User  string    `json:"user"`
	Ends  time.Time `json:"ends"` // of the lease, as it was then
	At    time.Time `json:"at"`
	Stage int       `json:"stage"` // the one of Rules.Days that had come; 0 for a lease that was over
	Lost  []string  `json:"lost"`  // what it named; nothing for a reminder
}

const day = 24 * time.Hour

// sameEnd reports whether two ends are one: portals count to the second, and differently
// every time.
func sameEnd(a, b time.Time) bool { return a.Sub(b).Abs() < time.Hour }

// stage is which of the days before the end has come: the smallest that is not less than
// what is left. ok is false while none has, when the lease has no end, and when all is
// gone.
func (r Rules) stage(l Lease, now time.Time) (stage int, ok bool) {
	if l.Ends.IsZero() || l.Gone(now) {
		return 0, false
	}
	left := l.Ends.Sub(now)
	if left <= 0 {
		return 0, true
	}
	for _, days := range r.Days {
		if left <= time.Duration(days)*day && (!ok || days < stage) {
			stage, ok = days, true
		}
	}
	return stage, ok
}

// How long after a letter another one may name what the first did not. Whoever works on
// until the end is told once a day, and in the last one more often.
const (
	again     = 20 * time.Hour
	againLast = time.Hour
)

// due decides whether somebody is written to now, given what they were written before.
// It is a function of its arguments alone.
func (r Rules) due(l Lease, c Concern, before []Warned, now time.Time) (stage int, ok bool) {
	stage, ok = r.stage(l, now)
	if !ok {
		return 0, false
	}
	var last Warned
	var named []string
	thisStage, written := false, false
	for _, w := range before {
		if !strings.EqualFold(w.User, c.User) || !sameEnd(w.Ends, l.Ends) {
			continue
		}
		written = true
		if len(w.Lost) == 0 {
			continue
		}
		thisStage = thisStage || w.Stage <= stage
		named = append(named, w.Lost...)
		if w.At.After(last.At) {
			last = w
		}
	}
	if len(c.Lost) == 0 {
		return stage, r.Remind && stage > 0 && !written
	}
	if !thisStage {
		return stage, true
	}
	pause := again
	if l.Ends.Sub(now) < day {
		pause = againLast
	}
	fresh := slices.ContainsFunc(c.Lost, func(l Lost) bool { return !slices.Contains(named, l.key()) })
	return stage, fresh && !now.Before(last.At.Add(pause))
}
