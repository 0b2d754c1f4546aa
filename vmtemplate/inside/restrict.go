package inside

import (
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/moby/sys/capability"
	"golang.org/x/sys/unix"
)

// Restrictions are what a RUN of a Dockerfile asks for beyond a session's run. The zero
// value is a session's.
type Restrictions struct {
	Mounts    []Mount // in their order; after Binds
	User      *User   // nil: root
	NoNetwork bool    // only a loopback interface of its own

	// Capabilities are all that the program and what it starts can ever have, with
	// the names of capabilities(7); nil: all that the namespace has.
	Capabilities []string

	Masked   []string // paths inside that are shown empty
	ReadOnly []string // paths inside that cannot be written
}

// User is who a program runs as, in numbers of the namespace.
type User struct {
	UID, GID uint32
	Groups   []uint32
}

// restrict makes the program that cmd will start what the restrictions say. The calling
// thread gives up capabilities, and must be the one that starts it.
func (r Restrictions) restrict(cmd *exec.Cmd) error {
	if r.User != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: r.User.UID, Gid: r.User.GID, Groups: r.User.Groups}
	}
	if r.Capabilities == nil {
		return nil
	}
	runtime.LockOSThread()
	for _, c := range capability.ListKnown() {
		name := "CAP_" + strings.ToUpper(c.String())
		if slices.Contains(r.Capabilities, name) {
			continue
		}
		// What is not in the bounding set is gone with the next execve (capabilities(7)).
		// EINVAL: this kernel does not have it.
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0); err != nil && err != unix.EINVAL {
			return fmt.Errorf("giving up %s: %w", name, err)
		}
	}
	return nil
}

// raiseLoopback lets programs reach themselves where there is no network
// (netdevice(7)). It may fail where CAP_NET_ADMIN is refused; then there is none at all.
func raiseLoopback() {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	_ = unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}
