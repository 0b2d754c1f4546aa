package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/jrun-hpc/jrun/runtime/rendezvous"
	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// Descriptors that a builder inherits.
const (
	builderSocketFD = 3 + iota // where M2 goes
	builderPlanFD
)

// runningBuilder is the process that the holder's stage started (start_builder in
// namespaces.c). It is a process of its own because libcontainer reads the image
// while it works: in the holder's process it could wait for itself.
type runningBuilder struct {
	pid          int
	socket, said *os.File
}

// wait returns the mount namespace that the builder made. What the builder takes down
// after that, nobody waits for.
func (b runningBuilder) wait() (*os.File, error) {
	conn, err := net.FileConn(b.socket)
	b.socket.Close()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("talking to the builder: %w", err), b.end())
	}
	defer conn.Close()
	files, err := rendezvous.Receive(conn.(*net.UnixConn), &struct{}{})
	if err != nil {
		return nil, fmt.Errorf("building the sandbox: %w", cmp.Or(b.end(), err))
	}
	go func() { _ = b.end() }() // it has done its work
	return files[0], nil
}

// end waits for the builder's end and returns what it said, if it failed.
func (b runningBuilder) end() error {
	defer b.said.Close()
	text, readErr := io.ReadAll(b.said)
	var status unix.WaitStatus
	if _, err := unix.Wait4(b.pid, &status, 0, nil); err != nil {
		return err
	}
	if status != 0 {
		return errors.New(cmp.Or(strings.TrimSpace(string(text)), "it was ended"))
	}
	return readErr
}

func builderMain() int {
	// The death signal of libcontainer's init (stage.go) follows the thread that
	// started it. libcontainer has goroutines whose threads end; this one's must not.
	runtime.LockOSThread()
	logrus.SetLevel(logrus.ErrorLevel) // libcontainer warns of what is meant to be so
	err := func() error {
		p, err := readPlan(builderPlanFD)
		if err != nil {
			return err
		}
		socket := os.NewFile(builderSocketFD, "holder")
		unix.CloseOnExec(builderSocketFD)
		unix.CloseOnExec(builderPlanFD)
		conn, err := net.FileConn(socket)
		if err != nil {
			return fmt.Errorf("talking to the holder: %w", err)
		}
		return build(p, conn.(*net.UnixConn))
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// build makes M2 and sends it over conn.
func build(p *plan, conn *net.UnixConn) error {
	if err := populateDev(p.devDir(), p.Devices); err != nil {
		return err
	}
	config, err := containerConfig(p)
	if err != nil {
		return err
	}
	if err := os.Mkdir(p.stateDir(), 0o700); err != nil {
		return fmt.Errorf("making a directory in memory: %w", err)
	}
	container, err := libcontainer.Create(p.stateDir(), "job", config)
	if err != nil {
		return fmt.Errorf("preparing the container: %w", err)
	}
	// The process stops before it would execute its arguments, in M2 after the
	// pivot. It is only needed to take its namespace.
	process := &libcontainer.Process{
		Args:   []string{"/proc/self/exe"}, // looked up, never run
		Cwd:    "/",
		Init:   true,
		Stdout: io.Discard,
		Stderr: os.Stderr,
	}
	if err := container.Start(process); err != nil {
		return fmt.Errorf("mounting inside the image: %w", err)
	}
	defer func() {
		_ = process.Signal(unix.SIGKILL)
		_, _ = process.Wait()
		_ = container.Destroy()
	}()
	pid, err := process.Pid()
	if err != nil {
		return fmt.Errorf("finding the container's process: %w", err)
	}
	mountNS, err := os.Open(fmt.Sprintf("/proc/%d/ns/mnt", pid))
	if err != nil {
		return fmt.Errorf("opening the sandbox's mount namespace: %w", err)
	}
	defer mountNS.Close()
	return rendezvous.Send(conn, []*os.File{mountNS}, struct{}{})
}

// containerConfig mounts what the job sees and says to libcontainer where that
// is. Everything but the mount namespace is the caller's: network, pids, cgroup, IPC.
func containerConfig(p *plan) (*configs.Config, error) {
	rootfs := p.imageDir()
	if p.WritableTmpfs {
		if err := mountOverlay(p); err != nil {
			return nil, err
		}
		rootfs = p.mergedDir()
	}
	// libcontainer could mount too, at 0.7 ms a bind. It copies what is there.
	if err := mountInside(p, rootfs); err != nil {
		return nil, err
	}
	return &configs.Config{
		Rootfs:          rootfs,
		RootPropagation: unix.MS_SLAVE | unix.MS_REC, // automounted homes appear
		Namespaces:      configs.Namespaces{{Type: configs.NEWNS}},
		// libcontainer makes a /dev of its own unless it is told to bind one.
		Mounts: []*configs.Mount{{
			Source: filepath.Join(rootfs, "dev"), Destination: "/dev", Device: "bind", Flags: unix.MS_BIND | unix.MS_REC | unix.MS_NOSUID,
		}},
		NoNewPrivileges:   true,
		NoNewKeyring:      true,
		ParentDeathSignal: int(unix.SIGKILL),
		RootlessCgroups:   true,
		Cgroups:           &cgroups.Cgroup{Rootless: true, Parent: "/", Name: "jrun", Resources: &cgroups.Resources{}},
	}, nil
}
