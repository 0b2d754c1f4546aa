package sandbox

import (
	"errors"
	"os"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"golang.org/x/sys/unix"
)

// stepFault explains why a step of making a sandbox failed. The step names are
// those of namespaces.c; the causes were observed (see ARCHITECTURE.md).
func stepFault(step string, err error) error {
	switch step {
	case "userns":
		return userNamespaceFault(err)
	case "setgroups", "uid_map", "gid_map", "mountns", "propagation", "tmpfs", "innerns":
		if appArmorRestricts() {
			return fault.New("AppArmor does not let jrun use a user namespace", fault.Because("%s: %w", step, err), appArmorAdvice())
		}
		return fault.New("cannot set up the sandbox's namespaces", fault.Because("%s: %w", step, err),
			"run 'jrun doctor' on this machine and show its output to the administrator")
	case "devfuse":
		return fuseDeviceFault(err)
	case "fuse":
		return fault.New("the kernel does not let users mount FUSE", err,
			"ask the administrator for a kernel of 4.18 or newer with the fuse module ('modprobe fuse')")
	case "mountdir":
		return fault.New("there is no directory to mount the image at", err, "ask the administrator to create one of them")
	case "pidfd":
		return fault.New("this kernel cannot watch processes by descriptor", err, "ask the administrator for a kernel of 5.3 or newer")
	}
	return fault.New("cannot make the sandbox", fault.Because("%s: %w", step, err), "run 'jrun doctor'")
}

func userNamespaceFault(err error) error {
	const what = "user namespaces are not available"
	switch {
	case errors.Is(err, unix.ENOSPC):
		return fault.New(what, fault.Because("the limit user.max_user_namespaces is 0 or used up"),
			"ask the administrator for: sysctl -w user.max_user_namespaces=15000")
	case errors.Is(err, unix.EPERM) && readSysctl("kernel/unprivileged_userns_clone") == "0":
		return fault.New(what, fault.Because("kernel.unprivileged_userns_clone is 0"),
			"ask the administrator for: sysctl -w kernel.unprivileged_userns_clone=1")
	case errors.Is(err, unix.EPERM) && appArmorRestricts():
		return fault.New(what, fault.Because("AppArmor restricts them (kernel.apparmor_restrict_unprivileged_userns is 1)"), appArmorAdvice())
	case errors.Is(err, unix.EPERM) && seccompFiltered():
		return fault.New(what, fault.Because("a seccomp filter forbids them, as inside Docker's containers"),
			"run jrun on the machine itself, or start the outer container with --security-opt seccomp=unconfined")
	case errors.Is(err, unix.EPERM):
		return fault.New(what, fault.Because("%w: the kernel forbids them inside a chroot, or a security module does everywhere", err),
			"run jrun outside of the chroot, or ask the administrator what restricts user namespaces here")
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EINVAL):
		return fault.New(what, fault.Because("the kernel was built without CONFIG_USER_NS"), "ask the administrator for a kernel that has it")
	}
	return fault.New(what, err, "run 'jrun doctor'")
}

func fuseDeviceFault(err error) error {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return fault.New("there is no /dev/fuse on this machine", err, "ask the administrator for: modprobe fuse")
	case errors.Is(err, unix.EACCES):
		return fault.New("you may not open /dev/fuse", err, "ask the administrator for: chmod 666 /dev/fuse")
	case errors.Is(err, unix.EPERM):
		return fault.New("the job's cgroup forbids /dev/fuse", err,
			`ask the administrator to add "c 10:229 rwm" to the devices that pbs_cgroups allows`)
	}
	return fault.New("cannot open /dev/fuse", err, "run 'jrun doctor'")
}

func readSysctl(name string) string {
	text, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func appArmorRestricts() bool {
	return readSysctl("kernel/apparmor_restrict_unprivileged_userns") == "1"
}

// appArmorAdvice is the profile that Ubuntu 24.04 and later need.
func appArmorAdvice() fault.Text {
	exe, err := os.Executable()
	if err != nil {
		exe = "/usr/local/bin/jrun"
	}
	return fault.Say("ask the administrator to write into /etc/apparmor.d/jrun: profile jrun %s flags=(unconfined) { userns, }", exe).
		And("and then: apparmor_parser -r /etc/apparmor.d/jrun")
}

// seccompFiltered reports whether a filter is on this process (proc(5)).
func seccompFiltered() bool {
	text, err := os.ReadFile("/proc/self/status")
	return err == nil && strings.Contains(string(text), "\nSeccomp:\t2\n")
}
