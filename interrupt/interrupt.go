// Package interrupt ends a command's context when a signal asks for it.
package interrupt

import (
	"context"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// Until returns a context that ends with the first SIGINT, SIGTERM or SIGHUP, and a
// function that returns that signal's number, or 0. Signals that the caller ignores
// (nohup, background jobs of a script) stay ignored. A second one ends the process at
// once.
func Until(parent context.Context) (context.Context, func() int) {
	ctx, cancel := context.WithCancel(parent)
	var number atomic.Int32
	var wanted []os.Signal
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			wanted = append(wanted, s)
		}
	}
	caught := make(chan os.Signal, 1)
	if len(wanted) > 0 {
		signal.Notify(caught, wanted...)
	}
	go func() {
		if s, ok := (<-caught).(syscall.Signal); ok {
			number.Store(int32(s))
			cancel()
			signal.Reset(wanted...)
		}
	}()
	return ctx, func() int { return int(number.Load()) }
}
