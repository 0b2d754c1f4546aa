package sandbox

import (
	"errors"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Stages is a program that can become a holder and a builder, and links nothing that
// these do not need; empty: this program does it itself. (cmd/jrun-stages says why.)
var Stages string

// ownProgram is this program, whatever its name is now.
const ownProgram = "/proc/self/exe"

// stages is what to execute as a holder: a file in memory, or this program.
type stages struct {
	path   string
	memory *os.File // or nil
}

func (s stages) close() {
	if s.memory != nil {
		s.memory.Close()
	}
}

// copyStages writes the program of the stages to memory and seals it, so that
// libcontainer need not copy it once more before it starts it.
func copyStages() stages {
	own := stages{path: ownProgram}
	if Stages == "" {
		return own
	}
	fd, err := unix.MemfdCreate("jrun-stages", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // Linux before 6.3
		fd, err = unix.MemfdCreate("jrun-stages", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil { // vm.memfd_noexec, or no memory
		return own
	}
	// A number that no file has which the holder inherits: in it, the path names this one.
	above, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, holderLeaseFD+1)
	unix.Close(fd)
	if err != nil {
		return own
	}
	fd = above
	f := os.NewFile(uintptr(fd), "jrun-stages")
	_, err = io.Copy(f, strings.NewReader(Stages))
	if err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	}
	if err != nil {
		f.Close()
		return own
	}
	return stages{"/proc/self/fd/" + strconv.Itoa(fd), f}
}
