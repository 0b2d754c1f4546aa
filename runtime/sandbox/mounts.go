package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

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

// populateDev makes a directory that becomes /dev, with devices beside the usual. An
// unprivileged mount namespace has no mknod(2), so nodes are bound from the host.
func populateDev(dir string, devices []Device) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("making /dev: %w", err)
	}
	if err := unix.Mount("jrun-dev", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=0755,size=1m"); err != nil {
		return fmt.Errorf("making /dev: %w", err)
	}
	for _, name := range deviceNodes {
		if err := bindDevice("/dev/"+name, filepath.Join(dir, name), false); err != nil {
			return err
		}
	}
	for _, name := range deviceDirs {
		if err := bindDevice("/dev/"+name, filepath.Join(dir, name), true); err != nil {
			return err
		}
	}
	for _, d := range devices {
		if slices.Contains(deviceNodes, d.Name) {
			continue // is there
		}
		target, err := deviceTarget(dir, d)
		if err == nil {
			err = bindDevice(d.Source, target, false)
		}
		if err != nil {
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

// deviceTarget is where a device is to be in dir, with its directory made. It must
// not lead out of dir, nor into what is shown of the host there.
func deviceTarget(dir string, d Device) (string, error) {
	first, _, nested := strings.Cut(d.Name, "/")
	if !filepath.IsLocal(d.Name) || nested && slices.Contains(deviceDirs, first) {
		return "", fmt.Errorf("showing %s inside: /dev/%s is no place for it", d.Source, d.Name)
	}
	target := filepath.Join(dir, d.Name)
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return "", fmt.Errorf("showing %s inside: %w", d.Source, err)
	}
	return target, nil
}

// bindDevice shows source at target if the host has it.
func bindDevice(source, target string, isDir bool) error {
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

// mountInside shows the host's files on top of the image at rootfs. Every mount
// point exists, because the image is served with those that it lacks.
func mountInside(p *plan, rootfs string) error {
	root, err := unix.Open(rootfs, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening the image's root: %w", err)
	}
	defer unix.Close(root)
	// /proc and /sys are the host's: fresh ones are refused without a pid and
	// a network namespace of one's own.
	const system = unix.MOUNT_ATTR_NOSUID
	list := []Bind{{Source: "/proc", Destination: "/proc"}, {Source: "/sys", Destination: "/sys"}, {Source: p.devDir(), Destination: "/dev"}}
	for _, b := range list {
		if err := bind(root, b, system); err != nil {
			return err
		}
	}
	for i, destination := range p.EmptyDirs {
		if err := os.Mkdir(p.emptyDir(i), 0o700); err != nil {
			return fmt.Errorf("making %s: %w", destination, err)
		}
		if err := bind(root, Bind{Source: p.emptyDir(i), Destination: destination}, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV); err != nil {
			return err
		}
	}
	for _, b := range p.Binds {
		attributes := uint64(unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV)
		if b.ReadOnly {
			attributes |= unix.MOUNT_ATTR_RDONLY
		}
		if err := p.makeInEmptyDirs(b); err != nil {
			return err
		}
		if err := bind(root, b, attributes); err != nil {
			return err
		}
	}
	return nil
}

// makeInEmptyDirs makes the mount point of a bind that lies in one of the
// directories in memory.
func (p *plan) makeInEmptyDirs(b Bind) error {
	for i, dir := range p.EmptyDirs {
		if b.Destination == dir || !within(b.Destination, dir) || p.coveredByBind(b.Destination) {
			continue
		}
		place := filepath.Join(p.emptyDir(i), strings.TrimPrefix(b.Destination, dir))
		made := place
		if !b.Dir {
			made = filepath.Dir(place)
		}
		err := os.MkdirAll(made, 0o755)
		if err == nil && !b.Dir {
			err = os.WriteFile(place, nil, 0o644)
		}
		if err != nil {
			return fmt.Errorf("making %s: %w", b.Destination, err)
		}
	}
	return nil
}

// bind mounts b below root. The destination is resolved as if root were "/",
// so that no symbolic link of the image can lead the mount elsewhere.
func bind(root int, b Bind, attributes uint64) error {
	how := &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	err := func() error {
		target, err := unix.Openat2(root, b.Destination, how)
		if err != nil {
			return err
		}
		err = unix.Mount(b.Source, fmt.Sprintf("/proc/self/fd/%d", target), "", unix.MS_BIND|unix.MS_REC, "")
		unix.Close(target)
		if err != nil {
			return err
		}
		// What was opened before lies under the mount; open what covers it.
		if target, err = unix.Openat2(root, b.Destination, how); err != nil {
			return err
		}
		defer unix.Close(target)
		return restrict(target, attributes)
	}()
	if err != nil {
		return fmt.Errorf("showing %s at %s: %w", b.Source, b.Destination, err)
	}
	return nil
}

// restrict adds attributes to the mount that target is on and, since Linux
// 5.12, to those below it.
func restrict(target int, attributes uint64) error {
	err := unix.MountSetattr(target, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: attributes})
	if !errors.Is(err, unix.ENOSYS) {
		return err
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(target, &st); err != nil {
		return err
	}
	// A remount must repeat what the mount has: the kernel locks it.
	flags := uintptr(st.Flags) & (unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_RELATIME)
	flags |= uintptr(attributes) & (unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV) // the same bits
	return unix.Mount("", fmt.Sprintf("/proc/self/fd/%d", target), "", unix.MS_REMOUNT|unix.MS_BIND|flags, "")
}
