package inside

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// reap waits for every child, as a first process must, until the one that matters ends,
// and returns its status.
func reap(pid int) int {
	for {
		var ws syscall.WaitStatus
		ended, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return statusCannotExecute
		case ended == pid && ws.Signaled():
			return 128 + int(ws.Signal())
		case ended == pid:
			return ws.ExitStatus()
		}
	}
}

// killOrphans ends what the program has left behind where no process namespace does
// it: as their subreaper (prctl(2)) we are their parent. Each of our threads has a
// list of children of its own.
func killOrphans() {
	const rounds = 100 // children of those that are killed become ours, too
	for range rounds {
		lists, _ := filepath.Glob("/proc/self/task/*/children")
		found := false
		for _, list := range lists {
			b, _ := os.ReadFile(list)
			for _, word := range strings.Fields(string(b)) {
				if pid, err := strconv.Atoi(word); err == nil {
					found = true
					_ = syscall.Kill(pid, syscall.SIGKILL)
					_, _ = syscall.Wait4(pid, nil, 0, nil)
				}
			}
		}
		if !found {
			return
		}
	}
}
