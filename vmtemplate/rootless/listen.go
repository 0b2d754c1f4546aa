package rootless

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Sockets that a service manager has opened (sd_listen_fds(3)) are descriptors from 3 on,
// and the variables that tell so name the process that they are for. That is the one that
// stays outside: it passes them on, at the same numbers.

const (
	firstListening = 3
	passedCount    = "_JBUILD_LISTEN_FDS"
	mostListening  = 16
)

// listening are the sockets that were opened for this process.
func listening(getenv func(string) string) []*os.File {
	pid, err := strconv.Atoi(getenv("LISTEN_PID"))
	if err != nil || pid != os.Getpid() {
		return nil
	}
	n, err := strconv.Atoi(getenv("LISTEN_FDS"))
	if err != nil || n < 1 || n > mostListening {
		return nil
	}
	return descriptors(n)
}

func descriptors(n int) []*os.File {
	var all []*os.File
	for fd := firstListening; fd < firstListening+n; fd++ {
		unix.CloseOnExec(fd)
		all = append(all, os.NewFile(uintptr(fd), "socket "+strconv.Itoa(fd)))
	}
	return all
}

// pass hands them to the process that is going to be inside.
func pass(cmd *exec.Cmd) {
	cmd.ExtraFiles = listening(os.Getenv)
	cmd.Env = slices.DeleteFunc(cmd.Env, func(v string) bool { return strings.HasPrefix(v, "LISTEN_") || strings.HasPrefix(v, passedCount+"=") })
	if n := len(cmd.ExtraFiles); n > 0 {
		cmd.Env = append(cmd.Env, passedCount+"="+strconv.Itoa(n))
	}
}

// passed are those that this process got.
var passed []*os.File

func takePassed() {
	n, err := strconv.Atoi(os.Getenv(passedCount))
	_ = os.Unsetenv(passedCount)
	if err == nil && n > 0 && n <= mostListening {
		passed = descriptors(n)
	}
}

// Passed are the sockets that a service manager has opened for the program; after Enter.
func Passed() []*os.File { return passed }
