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

// stagesProgram returns what to execute as a holder, and a file to be closed when it
// has been, or nil. In memory, it is sealed, so that libcontainer need not copy it
// once more before it starts it.
func stagesProgram() (path string, file *os.File) {
	if Stages == "" {
		return ownProgram, nil
	}
	fd, err := unix.MemfdCreate("jrun-stages", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // Linux before 6.3
		fd, err = unix.MemfdCreate("jrun-stages", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil { // vm.memfd_noexec, or no memory
		return ownProgram, nil
	}
	f := os.NewFile(uintptr(fd), "jrun-stages")
	_, err = io.Copy(f, strings.NewReader(Stages))
	if err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	}
	if err != nil {
		f.Close()
		return ownProgram, nil
	}
	return "/proc/self/fd/" + strconv.Itoa(fd), f
}
