package inside

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/rootless"
	"go.podman.io/storage/pkg/reexec"
	"golang.org/x/sys/unix"
)

// Bind shows a file or directory inside, at a place where the image may have another.
type Bind struct {
	Source   string // of the machine
	File     string // or one of Command.Files
	Target   string
	Writable bool
}

// Command is a program to run.
type Command struct {
	Root     string // where the file system is mounted
	Args     []string
	Env      []string
	Dir      string // the root directory if it does not exist
	Hostname string
	IDs      rootless.IDs

	Files map[string][]byte // name below Ours -> content
	Binds []Bind            // a target that is missing is there during the run only

	Restrictions

	// Terminal, if it is not nil, is what the program runs on. Otherwise it has the
	// three files below; one that is nil is /dev/null.
	Terminal              *Terminal `json:"-"`
	Stdin, Stdout, Stderr *os.File  `json:"-"`
}

// plan is what the first process of a run is told.
type plan struct {
	Command
	OnTerminal bool
	HostProc   bool
}

// firstProcess is the name by which jbuild is executed as the first process of a run.
const firstProcess = "jbuild-inside"

func init() { reexec.Register(firstProcess, runFirst) }

// Run runs the program and returns its exit status: 128+n after signal n, 126 when it
// cannot be executed, 127 when it is not found. An error says that it could not be tried.
// SIGTERM and SIGHUP are passed on to it. The end of ctx asks it to end, and kills it if
// that takes long.
func Run(ctx context.Context, c Command) (status int, err error) {
	remove, err := makeMountPoints(c)
	defer remove()
	if err != nil {
		return 0, err
	}
	status, err = runOnce(ctx, plan{Command: c, OnTerminal: c.Terminal != nil})
	if errors.Is(err, errNoProc) {
		return runOnce(ctx, plan{Command: c, OnTerminal: c.Terminal != nil, HostProc: true})
	}
	return status, err
}

func runOnce(ctx context.Context, p plan) (int, error) {
	// The parent's death signal comes when this thread ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	planOut, planIn, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer planOut.Close()
	defer planIn.Close()
	ours, theirs, err := socketPair()
	if err != nil {
		return 0, err
	}
	defer ours.Close()
	defer theirs.Close()

	cmd := reexec.CommandContext(ctx, firstProcess)
	// A package manager that is killed leaves half of a package; asked to end, it does not.
	cmd.Cancel = func() error { return cmd.Process.Signal(p.endSignal()) }
	cmd.WaitDelay = endWithin
	cmd.ExtraFiles = []*os.File{planOut, theirs}
	cmd.Env = []string{"TMPDIR=/"} // of the program: part of the plan
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
		Pdeathsig:  syscall.SIGKILL,
	}
	if !p.HostProc {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWPID
	}
	if p.NoNetwork {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWNET
	}
	attach(cmd, p.Command)
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("making namespaces for a program: %w", err)
	}
	theirs.Close()
	if err := json.NewEncoder(planIn).Encode(p); err != nil {
		_ = cmd.Process.Kill()
	}
	planIn.Close()

	signals := make(chan os.Signal, 8)
	rootless.Notify(signals, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		for {
			select {
			case s := <-signals:
				_ = cmd.Process.Signal(s)
			case <-ended:
				return
			}
		}
	}()
	var served *serving
	noProc := false
	if p.OnTerminal {
		word, master, err := receive(ours, 0)
		noProc = err == nil && word == wordNoProc
		if err == nil && master != nil {
			served = serve(p.Terminal, master)
		}
	}
	err = cmd.Wait()
	if served != nil {
		served.stop()
	}
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, fmt.Errorf("waiting for a program: %w", err)
	}
	status := rootless.Status(cmd.ProcessState)
	if status == statusCannotExecute && !p.OnTerminal {
		if word, _, err := receive(ours, unix.MSG_DONTWAIT); err == nil {
			noProc = word == wordNoProc
		}
	}
	if noProc {
		return 0, errNoProc
	}
	return status, nil
}

// endWithin is how long a program has to end when it is asked to.
const endWithin = 5 * time.Second

// endSignal asks the program to end. Interactive shells do so when their terminal has gone.
func (p plan) endSignal() os.Signal {
	if p.OnTerminal {
		return syscall.SIGHUP
	}
	return syscall.SIGTERM
}

// attach gives the first process its files. On a terminal it has the standard error
// output to say what went wrong before there was one.
func attach(cmd *exec.Cmd, c Command) {
	if c.Terminal != nil {
		cmd.Stderr = os.Stderr
		return
	}
	// A nil *os.File in an interface would not be nil.
	if c.Stdin != nil {
		cmd.Stdin = c.Stdin
	}
	if c.Stdout != nil {
		cmd.Stdout = c.Stdout
	}
	if c.Stderr != nil {
		cmd.Stderr = c.Stderr
	}
}

func socketPair() (a, b *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("making a socket: %w", err)
	}
	return os.NewFile(uintptr(pair[0]), "terminal"), os.NewFile(uintptr(pair[1]), "terminal"), nil
}

// What the first process says, one byte in each message.
const (
	wordTerminal = 't' // with the terminal's other side
	wordNoProc   = 'p' // the kernel refuses a new /proc
)

// receive gets a word of the first process, and the descriptor that comes with it, if
// one does (SCM_RIGHTS, unix(7)).
func receive(from *os.File, flags int) (word byte, file *os.File, err error) {
	buf, oob := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := unix.Recvmsg(int(from.Fd()), buf, oob, unix.MSG_CMSG_CLOEXEC|flags)
	if err != nil || n == 0 {
		return 0, nil, errors.Join(err, io.EOF)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(messages) == 0 {
		return buf[0], nil, err
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return buf[0], nil, err
	}
	_ = unix.SetNonblock(fds[0], true) // so that reading can be given up
	return buf[0], os.NewFile(uintptr(fds[0]), "terminal"), nil
}
