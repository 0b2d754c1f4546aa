//go:build e2e

package integration

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// filteredEnv makes a copy of the test program execute its arguments under a
// filter, instead of running tests.
const filteredEnv = "JRUN_E2E_FILTERED"

func init() {
	if os.Getenv(filteredEnv) == "" {
		return
	}
	os.Unsetenv(filteredEnv)
	err := forbidUserNamespaces()
	if err == nil {
		err = syscall.Exec(os.Args[1], os.Args[1:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, "executing under a filter:", err)
	os.Exit(1)
}

// forbidUserNamespaces installs a filter that does what Docker's does: EPERM for
// unshare and for clone with CLONE_NEWUSER, and no clone3, whose flags a filter
// cannot see.
func forbidUserNamespaces() error {
	runtime.LockOSThread()
	const (
		number, firstArgument = 0, 16 // offsets in struct seccomp_data
		load                  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal                 = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		anyOf                 = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
		answer                = unix.BPF_RET | unix.BPF_K
		allow, fail           = 0x7fff0000, 0x00050000 // SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO
	)
	filter := []unix.SockFilter{
		{Code: load, K: number},
		{Code: equal, K: unix.SYS_CLONE3, Jt: 5},
		{Code: equal, K: unix.SYS_UNSHARE, Jt: 3},
		{Code: equal, K: unix.SYS_CLONE, Jf: 4},
		{Code: load, K: firstArgument}, // its lower half, on little-endian machines
		{Code: anyOf, K: unix.CLONE_NEWUSER, Jf: 2},
		{Code: answer, K: fail | uint32(unix.EPERM)},
		{Code: answer, K: fail | uint32(unix.ENOSYS)},
		{Code: answer, K: allow},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	const setModeFilter, allThreads = 1, 1
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, setModeFilter, allThreads, uintptr(unsafe.Pointer(&program))); errno != 0 {
		return errno
	}
	return nil
}

// TestSeccompFilter: inside a container of Docker or Podman a filter forbids
// user namespaces, and jrun says so.
func TestSeccompFilter(t *testing.T) {
	s := newSession(t)
	s.ok("pull", "-q", ref("demo/static:latest"))
	in, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	launcher := filepath.Join(s.dir, "filtered")
	out, err := os.OpenFile(launcher, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	s.env[filteredEnv] = "1"
	s.wrap = []string{launcher}
	s.run("run", "-q", ref("demo/static:latest")).wantFault(125, "user namespaces", "seccomp")
	findings, code := doctor(s)
	if code != 125 {
		t.Errorf("doctor ended with %d", code)
	}
	for _, f := range findings {
		if f.Status == "failed" && strings.Contains(f.Detail, "seccomp") && len(f.Next) > 0 {
			return
		}
	}
	t.Errorf("doctor does not name the filter: %+v", findings)
}
