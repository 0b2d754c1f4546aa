package sandbox

// #cgo CFLAGS: -O2 -Wall -Wextra
// #include "stage.h"
import "C"

import (
	"os"

	"github.com/opencontainers/runc/libcontainer"
	_ "github.com/opencontainers/runc/libcontainer/nsenter" // libcontainer's own C stage
	"golang.org/x/sys/unix"
)

// Names by which the program calls itself; stage.c knows the first three.
const (
	stageHolder  = "jrun-holder"
	stageBuilder = "jrun-builder"
	stageProbe   = "jrun-probe"
)

// hasStages says whether this program can become a holder or a rank.
const hasStages = true

// libcontainer's init stage must run before anything else of Go does. It waits
// in the new namespace until its builder has taken it and ends it. It must end
// with a builder that was killed, too; the death signal that libcontainer gives
// to its first process does not reach this one, which is a fork of a fork.
// libcontainer sets it again after changes of credentials, which clear it, and
// notices when the builder ended before this.
func init() {
	if len(os.Args) > 1 && os.Args[1] == "init" && os.Getenv("_LIBCONTAINER_INITPIPE") != "" {
		_ = unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0) // cannot fail with a signal that exists
		libcontainer.Init()
	}
}

// RunStage runs the rest of the stage that this process was started as, if it
// was; main must call it before anything else and exit with the status.
func RunStage() (status int, isStage bool) {
	switch os.Args[0] {
	case stageHolder:
		builder := runningBuilder{
			pid:    int(C.jrun_builder_pid),
			socket: os.NewFile(uintptr(C.jrun_builder_fd), "builder"),
			said:   os.NewFile(uintptr(C.jrun_builder_said_fd), "builder's errors"),
		}
		return holderMain(int(C.jrun_fuse_fd), int(C.jrun_inner_userns_fd), builder), true
	case stageBuilder:
		return builderMain(), true
	}
	return 0, false
}

// expressName is under what processes like this one find an answer, empty outside of
// batch jobs.
func expressName() string {
	name := &C.jrun_express_name
	return C.GoString(&name[0])
}

// callersSignals returns what the caller ignored and blocked, a digit a signal.
func callersSignals() (ignored, blocked string) {
	i, b := &C.jrun_ignored_signals, &C.jrun_blocked_signals
	return C.GoString(&i[0]), C.GoString(&b[0])
}
