package hostmount

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/jrun-hpc/jrun/squash/fusefs"
)

// readyVariable names the descriptor on which a process started by Start says
// that the files are there.
const readyVariable = "JRUN_MOUNT_READY_FD"

// Start runs this program again with args, which must lead to Serve with
// [Ready], in a session of its own, and returns when that process has mounted.
// What it says before that on its standard error is the error.
func Start(ctx context.Context, args []string) error {
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("making a pipe: %w", err)
	}
	defer read.Close()
	errRead, errWrite, err := os.Pipe()
	if err != nil {
		write.Close()
		return fmt.Errorf("making a pipe: %w", err)
	}
	defer errRead.Close()
	program, err := os.Executable() // by its own name, for those who look at ps
	if err != nil {
		program = "/proc/self/exe"
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), program, args...)
	cmd.Env = append(os.Environ(), readyVariable+"=3")
	cmd.ExtraFiles = []*os.File{write}
	cmd.Stderr = errWrite
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = fusefs.WithTimerSlack(fusefs.TimerSlack, cmd.Start)
	write.Close()
	errWrite.Close()
	if err != nil {
		return fmt.Errorf("starting the file system's server: %w", err)
	}
	word, err := io.ReadAll(read)
	if err == nil && len(word) > 0 {
		return cmd.Process.Release()
	}
	said, readErr := io.ReadAll(errRead)
	err = errors.Join(cmd.Wait(), readErr)
	return &StartError{Said: strings.TrimSpace(string(said)), Cause: err}
}

// StartError says that the server ended before it had mounted.
type StartError struct {
	Said  string // its own words on standard error, complete
	Cause error
}

func (e *StartError) Error() string { return e.Said }

// Unwrap returns Cause.
func (e *StartError) Unwrap() error { return e.Cause }

// Ready tells the process that called Start, if there is one, that the files
// are there, and lets go of its standard error.
func Ready() {
	if os.Getenv(readyVariable) != "3" {
		return
	}
	if null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0); err == nil {
		for fd := range 3 {
			_ = syscall.Dup3(int(null.Fd()), fd, 0)
		}
		null.Close()
	}
	f := os.NewFile(3, "ready")
	_, _ = f.WriteString("ready\n") // if nobody listens, nobody waits
	f.Close()
}
