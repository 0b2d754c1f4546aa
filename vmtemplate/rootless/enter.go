package rootless

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"go.podman.io/storage/pkg/unshare"
	"golang.org/x/sys/unix"
)

// entered tells the new process which ids it has.
const entered = "_JBUILD_ENTERED"

// imageMask is the umask under which images are made, as everywhere: with a stricter
// one of the user's, / would be closed to all users inside but root.
const imageMask = 0o022

// userMask is the caller's umask.
var userMask = imageMask

// ForUser writes files that are the caller's and belong to no image, under the
// caller's umask. It is the whole process's: nothing else must write files meanwhile.
func ForUser(write func() error) error {
	before := unix.Umask(userMask)
	defer unix.Umask(before)
	return write()
}

// EndedError is what Enter returns in the process that stayed outside, when the one
// inside has ended. It has reported what there was to report.
type EndedError struct {
	Status int // 128+n after signal n
}

func (e *EndedError) Error() string { return fmt.Sprintf("the program ended with status %d", e.Status) }

// Entered reports whether this is the process that Enter has executed, before Enter
// returns in it.
func Entered() bool { return os.Getenv(entered) != "" }

// Enter executes the program again as root of a new user and mount namespace, with the
// same arguments, and returns in that one, with the umask 022. Outside it returns an [EndedError], or a
// fault that says why there is no namespace.
//
// Go's part of the program must not have done anything yet that is not to be done
// twice. TMPDIR should be set: the C constructor makes a file there.
func Enter() (IDs, error) {
	if ids := IDs(os.Getenv(entered)); ids != "" {
		_ = os.Unsetenv(entered)
		takePassed()
		if os.Geteuid() != 0 {
			return "", errors.New("started as if in a user namespace, but not root of it")
		}
		userMask = unix.Umask(imageMask)
		if ids == Single {
			return ids, fakeOwnership()
		}
		return ids, nil
	}
	return "", enterAnew()
}

func enterAnew() error {
	ids, uids, gids := mappings()
	cmd := unshare.Command(os.Args...)
	cmd.UnshareFlags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS
	if os.Geteuid() == 0 {
		ids = Real
		cmd.UnshareFlags = syscall.CLONE_NEWNS
	} else {
		cmd.UidMappings, cmd.GidMappings = uids, gids
		cmd.UseNewuidmap, cmd.UseNewgidmap = ids == Ranges, ids == Ranges
		cmd.GidMappingsEnableSetgroups = ids == Ranges
	}
	cmd.Env = append(os.Environ(), entered+"="+string(ids))
	pass(cmd.Cmd)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// The signal comes when the thread ends that has started the process.
	runtime.LockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}

	signal.Reset()
	signals := make(chan os.Signal, 8)
	Notify(signals, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP)
	if err := cmd.Start(); err != nil {
		return refused(err, ids)
	}
	go func() {
		for s := range signals {
			if s == syscall.SIGTERM || s == syscall.SIGHUP {
				_ = cmd.Process.Signal(s)
			}
		}
	}()
	err := cmd.Wait()
	if err == nil {
		return &EndedError{}
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("waiting for the program: %w", err)
	}
	return &EndedError{Status: Status(exit.ProcessState)}
}

// Notify is signal.Notify for those signals that the caller does not ignore: catching one
// would undo nohup(1), here and for all that is started.
func Notify(c chan<- os.Signal, signals ...os.Signal) {
	for _, s := range signals {
		if !signal.Ignored(s) {
			signal.Notify(c, s)
		}
	}
}

// Status is a process's exit status as a shell has it: 128+n after signal n.
func Status(state *os.ProcessState) int {
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return state.ExitCode()
}

// Caller is who the caller is outside of the namespace.
func Caller() (uid, gid int) {
	uid, gid = os.Getuid(), os.Getgid()
	if n, err := strconv.Atoi(os.Getenv("_CONTAINERS_ROOTLESS_UID")); err == nil {
		uid = n
	}
	if n, err := strconv.Atoi(os.Getenv("_CONTAINERS_ROOTLESS_GID")); err == nil {
		gid = n
	}
	return uid, gid
}

// refused says what keeps a user namespace from being made.
func refused(err error, ids IDs) error {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return message.Fail(message.Of("rootless.none"), err, message.Of("rootless.none.next"))
	case ids == Ranges:
		return message.Fail(message.Of("rootless.ranges"), err, message.Of("rootless.ranges.next"))
	}
	return message.Fail(message.Of("rootless.refused"), err, message.Of("rootless.refused.ubuntu"), message.Of("rootless.refused.next"))
}
