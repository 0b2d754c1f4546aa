package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/jrun-hpc/jrun/fault"
	"golang.org/x/sys/unix"
)

// ErrNoSandbox is wrapped by errors about processes that are in no sandbox of this
// user.
var ErrNoSandbox = errors.New("it is in no sandbox of yours")

// Process is a process that runs in a sandbox.
type Process struct {
	PID int
	Env []string // as it was started
	Dir string   // where it is, by the names of the inside
}

// FindProcess looks at a process of this user. The error wraps [ErrNoSandbox], or
// fs.ErrNotExist when there is no such process.
func FindProcess(pid int) (Process, error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	if _, err := os.Stat(dir); err != nil {
		return Process{}, fmt.Errorf("looking for process %d: %w", pid, err)
	}
	p := Process{PID: pid}
	text, err := os.ReadFile(filepath.Join(dir, "environ"))
	for _, pair := range bytes.Split(text, []byte{0}) {
		if len(pair) > 0 {
			p.Env = append(p.Env, string(pair))
		}
	}
	inside := err == nil && differs(dir, "mnt") && differs(dir, "user")
	if inside {
		p.Dir, err = os.Readlink(filepath.Join(dir, "cwd"))
	}
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return Process{}, fmt.Errorf("looking at process %d: %w", pid, err)
	}
	if !inside || err != nil {
		return Process{}, fault.Because("process %d: %w", pid, ErrNoSandbox)
	}
	return p, nil
}

// differs says whether the process of a directory of /proc is in another namespace
// than this one.
func differs(dir, kind string) bool {
	theirs, err := os.Readlink(filepath.Join(dir, "ns", kind))
	ours, ownErr := os.Readlink(filepath.Join("/proc/self/ns", kind))
	return err == nil && ownErr == nil && theirs != ours
}

// Processes lists this user's processes that are in sandboxes.
func Processes() []Process {
	dirs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well formed
	var found []Process
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil || !ownedBySelf(info) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if p, err := FindProcess(pid); err == nil {
			found = append(found, p)
		}
	}
	return found
}

func ownedBySelf(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Getuid()
}

// Enter opens the namespaces of a process's sandbox (see doc.go): U1 owns M2. The
// sandbox stays as long as something runs in it, so its holder need not know.
func (p Process) Enter() (*Entrance, error) {
	dir := filepath.Join("/proc", strconv.Itoa(p.PID), "ns")
	mount, err := os.Open(filepath.Join(dir, "mnt"))
	if err != nil {
		return nil, fmt.Errorf("opening the sandbox's mount namespace: %w", err)
	}
	inner, err := os.Open(filepath.Join(dir, "user"))
	if err != nil {
		mount.Close()
		return nil, fmt.Errorf("opening the sandbox's user namespace: %w", err)
	}
	outer, err := unix.IoctlRetInt(int(mount.Fd()), unix.NS_GET_USERNS)
	if err != nil {
		mount.Close()
		inner.Close()
		return nil, fmt.Errorf("finding the owner of the sandbox: %w", err)
	}
	unix.CloseOnExec(outer)
	return &Entrance{namespaces: []*os.File{os.NewFile(uintptr(outer), "outer"), mount, inner}}, nil
}
