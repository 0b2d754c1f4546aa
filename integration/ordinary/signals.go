package ordinary

import (
	"os"
	"os/signal"
	"syscall"
)

// DefaultSignals gives the programs that are started from now on the default action for
// signals that this one was told to ignore: by nohup(1), or by a shell that has started it
// in the background. Execve passes on that a signal is ignored, but no handler.
func DefaultSignals() {
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT} { // Go itself has handlers for the others
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
}
