package vmlease

import (
	"sync"
	"time"
)

// allowance bounds how often somebody may do something: burst times at once, and then
// once in each interval.
type allowance struct {
	burst    int
	interval time.Duration

	mu   sync.Mutex
	full map[string]time.Time // when the allowance is whole again
}

func newAllowance(burst int, interval time.Duration) *allowance {
	return &allowance{burst: burst, interval: interval, full: map[string]time.Time{}}
}

// take reports whether who may, and if not, how long to wait.
func (a *allowance) take(who string, now time.Time) (wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.full) >= mostKnown {
		for name, full := range a.full {
			if !full.After(now) {
				delete(a.full, name)
			}
		}
		if len(a.full) >= mostKnown {
			return a.interval // somebody has thousands of addresses
		}
	}
	full := a.full[who]
	if full.Before(now) {
		full = now
	}
	next := full.Add(a.interval)
	if over := next.Sub(now) - time.Duration(a.burst)*a.interval; over > 0 {
		return over
	}
	a.full[who] = next
	return 0
}
