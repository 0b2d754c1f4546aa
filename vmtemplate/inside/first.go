package inside

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/jrun-hpc/jrun/vmtemplate/rootless"
	"golang.org/x/sys/unix"
)

// Statuses of the first process when there was no program.
const (
	statusCannotExecute = 126
	statusNotFound      = 127
)

// defaultPath is for images that say nothing.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

var errNoProc = errors.New("a new /proc is refused")

// runFirst is the first process of a run: it makes the file system the root directory,
// starts the program, and waits for all that becomes its child.
func runFirst() {
	status, err := first()
	if err != nil && !errors.Is(err, errNoProc) {
		fmt.Fprintf(os.Stderr, "jbuild: %v\r\n", err)
	}
	os.Exit(status) //nolint:forbidigo // the main function of this process
}

func first() (status int, err error) {
	in := os.NewFile(3, "plan")
	var p plan
	if err := json.NewDecoder(in).Decode(&p); err != nil {
		return statusCannotExecute, fmt.Errorf("reading what is to be run: %w", err)
	}
	in.Close()
	socket := os.NewFile(4, "terminal")
	if err := keepDescriptors(); err != nil {
		return statusCannotExecute, err
	}
	if err := enterRoot(p); err != nil {
		if errors.Is(err, errNoProc) {
			_ = unix.Sendmsg(int(socket.Fd()), []byte{wordNoProc}, nil, nil, 0)
		}
		return statusCannotExecute, err
	}
	_ = unix.Sethostname([]byte(p.Hostname))
	if p.NoNetwork {
		raiseLoopback()
	}
	if os.Chdir(p.Dir) != nil {
		_ = os.Chdir("/")
	}
	cmd, err := program(p)
	if err != nil {
		return statusOf(err), err
	}
	if p.OnTerminal {
		slave, err := openTerminal(socket)
		if err != nil {
			return statusCannotExecute, err
		}
		defer slave.Close()
		cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
		cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	}
	socket.Close()
	if p.HostProc {
		_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	}
	// Caught, not ignored: what is ignored here is ignored by the program.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGQUIT)
	if err := p.restrict(cmd); err != nil {
		return statusCannotExecute, err
	}
	if err := cmd.Start(); err != nil {
		return statusCannotExecute, err
	}
	passOn(cmd.Process)
	status = reap(cmd.Process.Pid)
	if p.HostProc {
		killOrphans()
	}
	return status, nil
}

// keepDescriptors hands none but the first three down: through a directory that whoever
// started jbuild has left open, a program would get out of the workspace.
func keepDescriptors() error {
	const first = 3
	err := unix.CloseRange(first, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	if err == nil {
		return nil
	}
	open, err := os.ReadDir("/proc/self/fd") // before Linux 5.11
	if err != nil {
		return fmt.Errorf("finding open files: %w", err)
	}
	for _, entry := range open {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd >= first {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// program finds the program by the PATH that it gets.
func program(p plan) (*exec.Cmd, error) {
	path := defaultPath
	for _, e := range p.Env {
		if value, ok := strings.CutPrefix(e, "PATH="); ok {
			path = value
		}
	}
	_ = os.Setenv("PATH", path)
	name, err := exec.LookPath(p.Args[0])
	if err != nil {
		return nil, err
	}
	return &exec.Cmd{
		Path: name, Args: p.Args, Env: append([]string{"PATH=" + path}, p.Env...),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		SysProcAttr: &syscall.SysProcAttr{},
	}, nil
}

// statusOf is a shell's (POSIX, Shell Command Language, 2.8.2): 127 for what is not
// found, 126 for what is and cannot be executed.
func statusOf(err error) int {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return statusNotFound
	}
	return statusCannotExecute
}

// passOn hands SIGTERM and SIGHUP to the program.
func passOn(to *os.Process) {
	signals := make(chan os.Signal, 8)
	rootless.Notify(signals, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		for s := range signals {
			_ = to.Signal(s)
		}
	}()
}

// openTerminal makes a terminal and sends its other side out.
func openTerminal(socket *os.File) (*os.File, error) {
	master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("making a terminal: %w", err)
	}
	defer unix.Close(master)
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return nil, fmt.Errorf("making a terminal: %w", err)
	}
	number, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	if err != nil {
		return nil, fmt.Errorf("making a terminal: %w", err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("making a terminal: %w", err)
	}
	return slave, unix.Sendmsg(int(socket.Fd()), []byte{wordTerminal}, unix.UnixRights(master), nil, 0)
}
