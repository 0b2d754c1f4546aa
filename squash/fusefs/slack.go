package fusefs

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// TimerSlack is for a process whose only work is to serve: it should be started
// by WithTimerSlack.
//
// Go has a thread that looks every 20 µs for goroutines that wait in the kernel
// (sysmon), as ours do for every request, and takes their processors away. It
// caused half of all changes of context and 12 % of the time of find(1). A
// thread sleeps longer by up to its timer slack (PR_SET_TIMERSLACK of prctl(2)),
// which it has from whoever made it, so this makes it look every millisecond.
// It is no longer than that because goroutines that run while all others wait
// may be put off as long.
const TimerSlack = time.Millisecond

// WithTimerSlack calls start, which starts a process, with a timer slack for it
// to inherit, where the kernel knows one.
func WithTimerSlack(slack time.Duration, start func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err == nil && unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack.Nanoseconds()), 0, 0, 0) == nil {
		defer func() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(before), 0, 0, 0) }()
	}
	return start()
}
