package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runc/libcontainer/configs"
	"golang.org/x/sys/unix"
)

// deviceNodes are the devices that programs expect and anyone may use. ptmx is
// the host's: with the host's /dev/pts beside it, the terminal of the job has
// its name inside and new ones can be opened.
var deviceNodes = []string{"null", "zero", "full", "random", "urandom", "tty", "ptmx", "fuse"}

// deviceDirs are shown as they are on the host: terminals, and memory that
// ranks share with each other.
var deviceDirs = []string{"pts", "shm", "mqueue"}

var deviceLinks = map[string]string{
	"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2", "core": "/proc/kcore",
}

// populateDev makes a directory that becomes /dev. An unprivileged mount
// namespace has no mknod(2), so nodes are bound from the host.
func populateDev(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("making /dev: %w", err)
	}
	if err := unix.Mount("jrun-dev", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=0755,size=1m"); err != nil {
		return fmt.Errorf("making /dev: %w", err)
	}
	for _, name := range deviceNodes {
		if err := bindDevice(name, dir, false); err != nil {
			return err
		}
	}
	for _, name := range deviceDirs {
		if err := bindDevice(name, dir, true); err != nil {
			return err
		}
	}
	for name, target := range deviceLinks {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("making /dev: %w", err)
		}
	}
	return nil
}

// bindDevice shows /dev/name in dir if the host has it.
func bindDevice(name, dir string, isDir bool) error {
	source, target := "/dev/"+name, filepath.Join(dir, name)
	info, err := os.Stat(source)
	if err != nil || info.IsDir() != isDir {
		return nil //nolint:nilerr // a device that the host lacks is lacking inside too
	}
	if isDir {
		err = os.Mkdir(target, 0o755)
	} else {
		err = os.WriteFile(target, nil, 0o644)
	}
	if err == nil {
		err = unix.Mount(source, target, "", unix.MS_BIND|unix.MS_REC, "")
	}
	if err != nil {
		return fmt.Errorf("showing %s inside: %w", source, err)
	}
	return nil
}

// mountOverlay puts a writable layer in memory over the image. The option
// userxattr makes overlayfs keep its notes where a user may write them.
func mountOverlay(p *plan) error {
	upper, work := filepath.Join(p.MountDir, "upper"), filepath.Join(p.MountDir, "work")
	for _, dir := range []string{upper, work, p.mergedDir()} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return fmt.Errorf("making the writable layer: %w", err)
		}
	}
	options := strings.Join([]string{"lowerdir=" + p.imageDir(), "upperdir=" + upper, "workdir=" + work, "userxattr"}, ",")
	if err := unix.Mount("jrun-overlay", p.mergedDir(), "overlay", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return fmt.Errorf("making the writable layer (needs Linux 5.11 or newer): %w", err)
	}
	return nil
}

// mounts lists everything that is shown inside, in order. /proc and /sys are
// the host's: fresh ones are refused without a pid and a network namespace.
func mounts(p *plan) []*configs.Mount {
	list := []*configs.Mount{
		bindMount("/proc", "/proc", 0),
		bindMount("/sys", "/sys", 0),
		bindMount(p.devDir(), "/dev", 0),
	}
	for _, b := range p.Binds {
		flags := unix.MS_NODEV
		if b.ReadOnly {
			flags |= unix.MS_RDONLY
		}
		list = append(list, bindMount(b.Source, b.Destination, flags))
	}
	return list
}

func bindMount(source, destination string, flags int) *configs.Mount {
	return &configs.Mount{
		Source:      source,
		Destination: destination,
		Device:      "bind",
		Flags:       unix.MS_BIND | unix.MS_REC | unix.MS_NOSUID | flags,
	}
}
