package fusefs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNoFusermount means that this process may not mount by itself, and that
// there is no fusermount3 or fusermount to do it.
var ErrNoFusermount = errors.New("mounting needs root or the program fusermount3 (Debian: fuse3)")

// MountOptions says how Mount mounts.
type MountOptions struct {
	// Source is shown as the device in mount tables, such as the file's name.
	// Empty means "jrun".
	Source string
	// AllowOther lets other users in, as far as permissions allow. Without it
	// only the caller sees the files, not even root does. Those who are not
	// root need user_allow_other in /etc/fuse.conf.
	AllowOther bool
}

// Mount makes a FUSE file system, read-only, of type fuse.squashfs, on a
// directory of this mount namespace, and returns the device for Serve. Until
// Serve answers, everything that looks into the directory waits.
//
// Who may not mount is helped by the setuid program fusermount3 of the
// distribution. Errors wrap ErrNoFusermount, fs.ErrNotExist or fs.ErrPermission
// when /dev/fuse cannot be opened, or are those of mount(2) or the program.
//
// unmount fails with unix.EBUSY or the program's complaint while the files are
// in use. It may be called again.
func Mount(dir string, opts MountOptions) (fd int, unmount func() error, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return -1, nil, fmt.Errorf("mounting: %w", err)
	}
	if opts.Source == "" {
		opts.Source = "jrun"
	}
	fd, err = mountDirectly(dir, opts)
	if err == nil {
		return fd, func() error { return unmountDirectly(dir) }, nil
	}
	if !errors.Is(err, unix.EPERM) || os.Geteuid() == 0 {
		return -1, nil, fmt.Errorf("mounting on %q: %w", dir, err)
	}
	program, err := findFusermount()
	if err != nil {
		return -1, nil, fmt.Errorf("mounting on %q: %w", dir, err)
	}
	if fd, err = mountThrough(program, dir, opts); err != nil {
		return -1, nil, fmt.Errorf("mounting on %q: %w", dir, err)
	}
	return fd, func() error { return unmountThrough(program, dir) }, nil
}

func mountDirectly(dir string, opts MountOptions) (int, error) {
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &fs.PathError{Op: "open", Path: "/dev/fuse", Err: err}
	}
	data := fmt.Sprintf("fd=%d,rootmode=40000,user_id=%d,group_id=%d,default_permissions", fd, os.Geteuid(), os.Getegid())
	if opts.AllowOther {
		data += ",allow_other"
	}
	if err := unix.Mount(opts.Source, dir, "fuse.squashfs", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, data); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("mount(2): %w", err)
	}
	return fd, nil
}

// Detach takes a mount away from the directory tree while its files are in use:
// who uses them keeps what is open, until the server ends. dir is as for Mount.
func Detach(dir string) error {
	err := unix.Unmount(dir, unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH)
	if !errors.Is(err, unix.EPERM) {
		return err
	}
	program, err := findFusermount()
	if err != nil {
		return err
	}
	return run(exec.CommandContext(context.Background(), program, "-u", "-z", "--", dir))
}

func unmountDirectly(dir string) error {
	if err := unix.Unmount(dir, unix.UMOUNT_NOFOLLOW); err != nil {
		return fmt.Errorf("unmounting %q: %w", dir, err)
	}
	return nil
}

// findFusermount prefers the one of FUSE 3, and does not depend on PATH.
func findFusermount() (string, error) {
	for _, name := range []string{"fusermount3", "fusermount"} {
		for _, try := range []string{name, "/usr/bin/" + name, "/bin/" + name} {
			if path, err := exec.LookPath(try); err == nil {
				return path, nil
			}
		}
	}
	return "", ErrNoFusermount
}

// commVariable names the socket on which fusermount passes the device.
const commVariable = "_FUSE_COMMFD"

// mountThrough lets fusermount open the device and mount it.
func mountThrough(program, dir string, opts MountOptions) (int, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("making a socket for %s: %w", program, err)
	}
	defer unix.Close(pair[0])
	theirs := os.NewFile(uintptr(pair[1]), "socket")
	options := "ro,nosuid,nodev,default_permissions,subtype=squashfs,fsname=" + escapeOption(opts.Source)
	if opts.AllowOther {
		options += ",allow_other"
	}
	cmd := exec.CommandContext(context.Background(), program, "-o", options, "--", dir)
	cmd.ExtraFiles = []*os.File{theirs} // becomes 3
	cmd.Env = append(os.Environ(), commVariable+"=3")
	err = run(cmd)
	theirs.Close()
	if err != nil {
		return -1, err
	}
	fd, err := receiveFD(pair[0])
	if err != nil {
		return -1, fmt.Errorf("receiving the device from %s: %w", program, err)
	}
	return fd, nil
}

func unmountThrough(program, dir string) error {
	if err := run(exec.CommandContext(context.Background(), program, "-u", "--", dir)); err != nil {
		return fmt.Errorf("unmounting %q: %w", dir, err)
	}
	return nil
}

// run makes what a failing program said the error.
func run(cmd *exec.Cmd) error {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	if said := strings.TrimSpace(stderr.String()); err != nil && said != "" {
		return fmt.Errorf("%s: %w", said, err)
	}
	return err
}

// escapeOption protects the commas of a value, as libfuse does.
func escapeOption(value string) string {
	return strings.NewReplacer(`\`, `\\`, ",", `\,`).Replace(value)
}

// errNoDevice means that fusermount ended well and sent nothing.
var errNoDevice = errors.New("no file descriptor came")

func receiveFD(socket int) (int, error) {
	data := make([]byte, 8)
	control := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(socket, data, control, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return -1, err
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) == 0 {
		return -1, errors.Join(errNoDevice, err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) == 0 {
		return -1, errors.Join(errNoDevice, err)
	}
	return fds[0], nil
}
