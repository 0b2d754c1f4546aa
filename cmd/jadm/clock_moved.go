//go:build movedclock

package main

import (
	"fmt"
	"os"
	"time"
)

// A program with this tag is for tests: it lives $JADM_CLOCK_AHEAD, such as 72h, in the
// future. The jadm that people get has no such thing.
func init() {
	ahead, err := time.ParseDuration(os.Getenv("JADM_CLOCK_AHEAD"))
	if err != nil {
		panic(fmt.Sprintf("JADM_CLOCK_AHEAD: %v", err))
	}
	clock = func() time.Time { return time.Now().Add(ahead) }
}
