package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"github.com/jrun-hpc/jrun/fault"
	"golang.org/x/sys/unix"
)

// Descriptors that a holder inherits; stage.h has the same list.
const (
	holderStatusFD = 3 + iota
	holderListenFD
	holderPlanFD
	holderImageFD
	holderSpawnerFD
	holderLeaseFD // may be /dev/null
)

// statusReady is what a holder writes when the sandbox can be entered. It
// writes "STEP ERRNO" when one of the steps before Go failed (see [stepFault]),
// and anything else is the text of an error.
const statusReady = "ready"

// startHolder makes the sandbox and returns once processes can enter it.
func startHolder(ctx context.Context, listener *net.UnixListener, create func() (*Spec, error)) error {
	// Copying the program takes about as long as deciding what the job sees.
	copying := make(chan stages, 1)
	go func() { copying <- copyStages() }()
	defer func() { (<-copying).close() }()
	spec, err := create()
	if err != nil {
		return err
	}
	defer spec.Image.Close()
	mountDir, err := chooseMountDir(mountDirs, spec.Binds)
	if err != nil {
		return stepFault("mountdir", err)
	}
	p := &plan{Spec: *spec, MountDir: mountDir, UID: os.Getuid(), GID: os.Getgid()}
	if spec.Root {
		p.UID, p.GID = 0, 0
	}
	planFile, err := p.marshal()
	if err != nil {
		return err
	}
	defer planFile.Close()
	pidfd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return stepFault("pidfd", err)
	}
	self := os.NewFile(uintptr(pidfd), "pidfd")
	defer self.Close()
	listening, err := listener.File()
	if err != nil {
		return fmt.Errorf("passing the socket on: %w", err)
	}
	defer listening.Close()
	lease := spec.Lease
	if lease == nil {
		if lease, err = os.OpenFile(os.DevNull, os.O_RDWR, 0); err != nil {
			return fmt.Errorf("opening %s: %w", os.DevNull, err)
		}
	}
	defer lease.Close()
	status, statusEnd, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("making a pipe: %w", err)
	}
	defer status.Close()

	program := <-copying
	copying <- program // to be closed
	cmd := exec.CommandContext(ctx, program.path)
	cmd.Args = []string{
		stageHolder, strconv.Itoa(os.Getuid()), strconv.Itoa(os.Getgid()),
		strconv.Itoa(p.UID), strconv.Itoa(p.GID), mountDir,
	}
	cmd.Env = holderEnvironment(spec.Job)
	cmd.ExtraFiles = []*os.File{statusEnd, listening, planFile, spec.Image, self, lease}
	if debugging() {
		cmd.Stderr = os.Stderr
	}
	err = cmd.Run() // the holder proper is a grandchild
	statusEnd.Close()
	if err != nil {
		return fmt.Errorf("starting the sandbox's holder: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { status.Close() })
	defer stop()
	text, err := io.ReadAll(status)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("waiting for the sandbox's holder: %w", err)
	}
	return parseStatus(strings.TrimSpace(string(text)))
}

// holderEnvironment is the whole environment of a holder or builder: it holds no
// secrets of the job.
func holderEnvironment(job Job) []string {
	env := []string{}
	if job.ID != "" {
		env = append(env, "PBS_JOBID="+job.ID)
	}
	if debugging() {
		env = append(env, debugVariable+"=1")
	}
	return env
}

// debugVariable keeps a holder's stderr open for somebody who looks for a fault.
const debugVariable = "JRUN_DEBUG"

func debugging() bool { return os.Getenv(debugVariable) != "" }

func parseStatus(text string) error {
	if text == statusReady {
		return nil
	}
	var step string
	var number int
	if n, _ := fmt.Sscanf(text, "%s %d", &step, &number); n == 2 && len(bytes.Fields([]byte(text))) == 2 {
		return stepFault(step, syscall.Errno(number))
	}
	if text == "" {
		text = "it ended without a word"
	}
	return fault.New("cannot make the sandbox", fault.Because("%s", text), "run 'jrun doctor'; if it finds nothing wrong, report this")
}
