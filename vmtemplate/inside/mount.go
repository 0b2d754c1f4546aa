package inside

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	storagemount "go.podman.io/storage/pkg/mount"
	"golang.org/x/sys/unix"
)

// Mount is a directory, a file or a file system that is shown inside for the time of a
// run. Its target is made if it is missing, and stays: whoever asks for it removes it.
type Mount struct {
	Type    string // bind, tmpfs or overlay
	Source  string
	Target  string
	Options []string // as mount(8) has them
}

// mountMore mounts the plan's Mounts. They have parents before children.
func mountMore(p plan) error {
	for _, m := range p.Mounts {
		target, err := p.place(m.Target)
		if err != nil {
			return err
		}
		if err := m.mount(target); err != nil {
			return fmt.Errorf("showing %s inside: %w", m.Target, err)
		}
	}
	return nil
}

func (m Mount) mount(target string) error {
	dir := true
	if m.Type == "bind" {
		info, err := os.Stat(m.Source)
		if err != nil {
			return err
		}
		dir = info.IsDir()
	}
	if err := makeTarget(target, dir); err != nil {
		return err
	}
	if m.Type != "bind" {
		return storagemount.Mount(m.Source, target, m.Type, strings.Join(slices.DeleteFunc(slices.Clone(m.Options), isPropagation), ","))
	}
	if err := unix.Mount(m.Source, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("mounting %s: %w", m.Source, err)
	}
	attr := unix.MountAttr{Attr_set: m.attributes(), Propagation: unix.MS_PRIVATE}
	if err := unix.MountSetattr(unix.AT_FDCWD, target, unix.AT_RECURSIVE, &attr); err != nil && !errors.Is(err, unix.ENOSYS) {
		return fmt.Errorf("mounting %s: %w", m.Source, err) // ENOSYS: before Linux 5.12
	}
	return nil
}

// isPropagation tells the options about mounts that are made later, in which a run of
// its own mount namespace has no part.
func isPropagation(option string) bool {
	return slices.Contains([]string{"shared", "rshared", "private", "rprivate", "slave", "rslave", "unbindable", "runbindable"}, option)
}

func (m Mount) attributes() uint64 {
	var set uint64
	for _, option := range m.Options {
		switch option {
		case "ro":
			set |= unix.MOUNT_ATTR_RDONLY
		case "nosuid":
			set |= unix.MOUNT_ATTR_NOSUID
		case "nodev":
			set |= unix.MOUNT_ATTR_NODEV
		case "noexec":
			set |= unix.MOUNT_ATTR_NOEXEC
		}
	}
	return set
}

func makeTarget(path string, dir bool) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if dir {
		return os.MkdirAll(path, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, nil, 0o644)
}

// hide makes what is Masked empty, and what is ReadOnly so. What is not there needs
// neither.
func hide(p plan) error {
	for _, path := range p.Masked {
		target, err := p.place(path)
		if err != nil {
			return err
		}
		info, err := os.Stat(target)
		switch {
		case err != nil:
		case info.IsDir():
			err = unix.Mount("tmpfs", target, "tmpfs", safe|unix.MS_RDONLY, "size=0k")
		default:
			err = unix.Mount("/dev/null", target, "", unix.MS_BIND, "")
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("hiding %s: %w", path, err)
		}
	}
	for _, path := range p.ReadOnly {
		target, err := p.place(path)
		if err != nil {
			return err
		}
		if unix.Mount(target, target, "", unix.MS_BIND|unix.MS_REC, "") == nil {
			readOnly(target, unix.AT_RECURSIVE)
		}
	}
	return nil
}
