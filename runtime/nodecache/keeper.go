package nodecache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jrun-hpc/jrun/presence"
	"github.com/jrun-hpc/jrun/runtime/rendezvous"
	"golang.org/x/sys/unix"
)

// stageKeeper is the name by which the program calls itself. It does so twice: a
// job must not have a child that it did not start, so the first one only starts
// the second.
const (
	stageKeeper = "jrun-keeper"
	stepStart   = "start"
	stepStay    = "stay"
)

// Descriptors that a keeper inherits.
const (
	keeperStatusFD = 3 + iota
	keeperListenFD
	keeperCopyFD
	keeperFDs
)

// statusReady is what a keeper writes when it answers; anything else is an error.
const statusReady = "ready"

// startKeeper hands the socket and the copy to a process that stays until the
// last of owners has ended.
func startKeeper(ctx context.Context, listener *net.UnixListener, file *os.File, owners []presence.Owner) error {
	listening, err := listener.File()
	if err != nil {
		return fmt.Errorf("passing the socket on: %w", err)
	}
	defer listening.Close()
	status, statusEnd, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("making a pipe: %w", err)
	}
	defer status.Close()
	args := []string{stageKeeper, stepStart}
	for _, o := range owners {
		args = append(args, o.String())
	}
	cmd := keeperCommand(ctx, args, statusEnd, listening, file)
	err = cmd.Run()
	statusEnd.Close()
	if err != nil {
		return fmt.Errorf("starting the keeper of the copy: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { status.Close() })
	defer stop()
	text, err := io.ReadAll(status)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("waiting for the keeper of the copy: %w", err)
	}
	if said := strings.TrimSpace(string(text)); said != statusReady {
		return fmt.Errorf("starting the keeper of the copy: it said %q", said)
	}
	return nil
}

// keeperCommand has nothing of the job's: no environment, terminal or directory.
func keeperCommand(ctx context.Context, args []string, files ...*os.File) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = args
	cmd.Env = []string{}
	cmd.Dir = "/"
	cmd.ExtraFiles = files
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// RunStage is the keeper's main function, if this process was started as one;
// main must call it before anything else and exit with the status.
func RunStage() (status int, isStage bool) {
	if os.Args[0] != stageKeeper || len(os.Args) < 2 {
		return 0, false
	}
	if os.Args[1] == stepStart {
		return passOn(), true
	}
	return stay(os.Args[2:]), true
}

// passOn starts the keeper proper and leaves it alone.
func passOn() int {
	var files []*os.File
	for fd := uintptr(keeperStatusFD); fd < keeperFDs; fd++ {
		files = append(files, os.NewFile(fd, "inherited"))
	}
	args := append([]string{stageKeeper, stepStay}, os.Args[2:]...)
	cmd := keeperCommand(context.Background(), args, files...)
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(files[0], err)
		return 1
	}
	return 0
}

// keeper holds a copy for as long as somebody may want it.
type keeper struct {
	listener *net.UnixListener
	file     *os.File

	mu     sync.Mutex
	owners map[presence.Owner]bool // a job's first process is named by each of its commands
	ended  chan struct{}
}

// stay is the keeper proper.
func stay(owners []string) int {
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE)
	closeForeign()
	_ = os.WriteFile("/proc/self/comm", []byte(stageKeeper), 0) // for ps
	status := os.NewFile(keeperStatusFD, "status")
	k, err := newKeeper(owners)
	if err != nil {
		fmt.Fprintln(status, err)
		return 1
	}
	go k.accept()
	fmt.Fprintln(status, statusReady)
	status.Close()
	<-k.ended
	return 0
}

func newKeeper(owners []string) (*keeper, error) {
	socket := os.NewFile(keeperListenFD, "listener")
	defer socket.Close()
	listener, err := net.FileListener(socket)
	if err != nil {
		return nil, fmt.Errorf("taking over the socket: %w", err)
	}
	k := &keeper{listener: listener.(*net.UnixListener), file: os.NewFile(keeperCopyFD, "copy"),
		owners: map[presence.Owner]bool{}, ended: make(chan struct{})}
	var all []presence.Owner
	for _, text := range owners {
		o, err := presence.Parse(text)
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return k, k.watch(all)
}

// closeForeign closes descriptors that the caller's caller left open over execve:
// somebody may wait for the end of a pipe. Those of Go are closed by execve.
func closeForeign() {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return
	}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd < keeperStatusFD {
			continue
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		switch {
		case err != nil || flags&unix.FD_CLOEXEC != 0:
		case fd < keeperFDs:
			unix.CloseOnExec(fd)
		default:
			unix.Close(fd)
		}
	}
}

func (k *keeper) accept() {
	for {
		conn, err := k.listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			go k.admit(conn)
		}
	}
}

// Limits of a request. A process that was stopped may take its time; it must not
// hold us for ever.
const (
	mostRequest    = 64 << 10 // bytes
	requestTimeout = time.Minute
)

// admit gives the copy to a process of the same user.
func (k *keeper) admit(conn *net.UnixConn) {
	defer conn.Close()
	uid, _, err := rendezvous.Peer(conn)
	if err != nil || uid != os.Getuid() || conn.SetDeadline(time.Now().Add(requestTimeout)) != nil {
		return
	}
	text, err := io.ReadAll(io.LimitReader(conn, mostRequest))
	if err != nil || len(text) == 0 {
		return // it only wanted to know who we are
	}
	var r request
	if err = json.Unmarshal(text, &r); err == nil {
		err = k.watch(r.Owners)
	}
	switch {
	case errors.Is(err, rendezvous.ErrGone):
		return // as the end of the connection says
	case err != nil:
		_ = rendezvous.Send(conn, nil, reply{Refused: err.Error()})
	default:
		_ = rendezvous.Send(conn, []*os.File{k.file}, reply{})
	}
}

// watch holds the copy until all of owners have ended. It returns
// rendezvous.ErrGone when it is let go already.
func (k *keeper) watch(owners []presence.Owner) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	select {
	case <-k.ended:
		return rendezvous.ErrGone
	default:
	}
	watched, failed := 0, errors.New("no process is named")
	for _, o := range owners {
		if !k.owners[o] {
			pidfd, err := openProcess(o)
			if err != nil {
				failed = err
				continue
			}
			k.owners[o] = true
			go func() {
				waitEnd(pidfd)
				pidfd.Close()
				k.leave(o)
			}()
		}
		watched++
	}
	if watched == 0 {
		return fmt.Errorf("watching the processes that want the copy: %w", failed)
	}
	return nil
}

// leave lets the copy go after the last owner.
func (k *keeper) leave(o presence.Owner) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if delete(k.owners, o); len(k.owners) == 0 {
		k.listener.Close()
		close(k.ended)
	}
}

// openProcess returns a descriptor of a process of the same user, in a form that
// Go waits for without a thread.
func openProcess(o presence.Owner) (*os.File, error) {
	if !o.Here() {
		return nil, fmt.Errorf("process %s is not on this machine", o)
	}
	fd, err := unix.PidfdOpen(o.PID, 0)
	if err != nil {
		return nil, fmt.Errorf("opening process %s: %w", o, err)
	}
	if o.Gone() { // the pid may be another's by now
		unix.Close(fd)
		return nil, fmt.Errorf("opening process %s: it has ended", o)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("opening process %s: %w", o, err)
	}
	return os.NewFile(uintptr(fd), "process"), nil
}

// waitEnd returns when the process has ended.
func waitEnd(pidfd *os.File) {
	raw, err := pidfd.SyscallConn()
	if err == nil {
		err = raw.Read(func(fd uintptr) bool {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
			return n > 0 || err != nil && !errors.Is(err, unix.EINTR)
		})
	}
	if err != nil { // Go cannot wait for it; a thread can
		for {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd.Fd()), Events: unix.POLLIN}}, -1)
			if n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
				return
			}
		}
	}
}
