package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"github.com/jrun-hpc/jrun/fault"
	"golang.org/x/sys/unix"
)

// Check is one thing that a sandbox needs from the machine.
type Check struct {
	Name     string
	Detail   string // what was found
	Err      error  // nil when all is well; else a *fault.Error with the remedy
	Optional bool   // jrun works without it, but for what Detail says
	Skipped  bool   // an earlier failure made it impossible to ask
}

// probeSteps groups the steps of namespaces.c into checks, in their order.
var probeSteps = []struct {
	name, detail string
	steps        []string
}{
	{"user namespaces", "can be created", []string{"userns", "setgroups", "uid_map", "gid_map"}},
	{"mounting", "works in a user namespace, hidden from the host", []string{"mountns", "propagation", "tmpfs", "mountdir"}},
	{"/dev/fuse", "can be opened", []string{"devfuse"}},
	{"FUSE", "can be mounted without privilege", []string{"fuse"}},
	{"nested user namespaces", "can be created", []string{"pipe", "fork", "innerns"}},
}

// Probe tries each step of making a sandbox on this machine and cleans up
// after itself.
func Probe(ctx context.Context) []Check {
	if !hasStages {
		return []Check{{Name: "sandbox", Err: fault.New("cannot run anything", fault.Because("this jrun was built without cgo"), "use a jrun that was built with 'make build'")}}
	}
	failed, err := runProbe(ctx)
	checks := make([]Check, 0, len(probeSteps)+4)
	broken := false
	for _, group := range probeSteps {
		c := Check{Name: group.name, Detail: group.detail}
		for _, step := range group.steps {
			if step == failed {
				c.Detail, c.Err = "", stepFault(step, err)
			}
		}
		if broken {
			c = askAlone(group.name)
		}
		broken = broken || c.Err != nil
		checks = append(checks, c)
	}
	if failed != "" && !broken {
		checks = append(checks, Check{Name: "sandbox", Err: stepFault(failed, err)})
	}
	return append(checks, pidfdCheck(), overlayCheck(), propagationCheck(), ringCheck())
}

// askAlone answers a check that the probe did not reach.
func askAlone(name string) Check {
	if name == "/dev/fuse" {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			return Check{Name: name, Err: fuseDeviceFault(err)}
		}
		f.Close()
		return Check{Name: name, Detail: "can be opened"}
	}
	return Check{Name: name, Detail: "not tried, because an earlier step failed", Skipped: true}
}

// runProbe returns the name of the step that failed, if one did.
func runProbe(ctx context.Context) (string, error) {
	dir, noDir := chooseMountDir(mountDirs, nil)
	if noDir != nil {
		dir = "/tmp" // good enough to find out about the rest
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = []string{stageProbe, strconv.Itoa(os.Getuid()), strconv.Itoa(os.Getgid()), dir}
	out, err := cmd.Output()
	var step string
	var number int
	if _, scanErr := fmt.Sscanf(string(out), "%s %d", &step, &number); scanErr != nil {
		return "probe", errors.Join(err, scanErr)
	}
	if step == "ok" && noDir != nil {
		return "mountdir", noDir
	}
	if step == "ok" {
		return "", nil
	}
	return step, syscall.Errno(number)
}

func pidfdCheck() Check {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return Check{Name: "pidfd", Err: stepFault("pidfd", err)}
	}
	unix.Close(fd)
	return Check{Name: "pidfd", Detail: "available"}
}

// overlayCheck goes by the kernel's version: distributions backport it rarely.
func overlayCheck() Check {
	c := Check{Name: "overlay in memory", Optional: true}
	major, minor := kernelVersion()
	if major < 5 || major == 5 && minor < 11 {
		c.Err = fault.Because("--writable-tmpfs will not work: Linux %d.%d is older than 5.11", major, minor)
		return c
	}
	c.Detail = fmt.Sprintf("Linux %d.%d can do --writable-tmpfs", major, minor)
	return c
}

func kernelVersion() (major, minor int) {
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		_, _ = fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &major, &minor)
	}
	return major, minor
}

// propagationCheck warns when mounts of the host do not propagate: a home that
// is automounted after the job's start would then not appear inside.
func propagationCheck() Check {
	c := Check{Name: "mount propagation", Optional: true}
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		c.Err = fmt.Errorf("reading the mounts: %w", err)
		return c
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 7 || fields[4] != "/" {
			continue
		}
		c.Detail = "/ is shared: directories that are automounted later appear inside"
		if !strings.HasPrefix(fields[6], "shared:") && !strings.HasPrefix(fields[6], "master:") {
			c.Err = fault.New("directories that are automounted after a job's start stay invisible inside", fault.Because("/ is a private mount"),
				"if homes are automounted, ask the administrator for: mount --make-rshared /")
		}
		return c
	}
	c.Detail = "cannot be told: / is not a mount point here"
	return c
}

// ringCheck tells administrators what makes reading cheaper. Nothing is amiss
// without.
func ringCheck() Check {
	const parameter = "/sys/module/fuse/parameters/enable_uring"
	c := Check{Name: "FUSE over io_uring", Optional: true}
	value, err := os.ReadFile(parameter)
	switch {
	case err != nil:
		c.Detail = "not in this kernel; Linux 6.14 has it"
	case strings.HasPrefix(string(value), "Y"):
		c.Detail = "is on"
	default:
		c.Detail = "is off; reading images is cheaper with: echo Y >" + parameter
	}
	return c
}
