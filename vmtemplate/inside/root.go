package inside

import (
	"errors"
	"fmt"
	"os"

	securejoin "github.com/cyphar/filepath-securejoin"
	"github.com/jrun-hpc/jrun/vmtemplate/rootless"
	"golang.org/x/sys/unix"
)

// safe are the flags of mounts that hold no programs and no devices.
const safe = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

// devices of the machine that every program expects; fuse is for those who mount
// images inside.
var devices = []string{"null", "zero", "full", "random", "urandom", "tty", "fuse"}

// enterRoot mounts what a run needs below the plan's root and makes that the root
// directory.
func enterRoot(p plan) error {
	steps := []func(plan) error{mountRoot, mountProc, mountSys, mountDev, writeFiles, mountBinds, mountMore, hide, pivot}
	for _, step := range steps {
		if err := step(p); err != nil {
			return err
		}
	}
	return nil
}

// place is the path of something inside, as it is seen before the root directory is
// changed.
func (p plan) place(path string) (string, error) { return securejoin.SecureJoin(p.Root, path) }

func mount(source, target, kind string, flags uintptr, data string) error {
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		return fmt.Errorf("mounting %s on %s: %w", source, target, err)
	}
	return nil
}

func mountRoot(p plan) error {
	if err := mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return err
	}
	return mount(p.Root, p.Root, "", unix.MS_BIND|unix.MS_REC, "")
}

func mountProc(p plan) error {
	target, err := p.place("/proc")
	if err != nil {
		return err
	}
	if p.HostProc {
		return mount("/proc", target, "", unix.MS_BIND|unix.MS_REC, "")
	}
	err = mount("proc", target, "proc", safe, "")
	if errors.Is(err, unix.EPERM) {
		return errNoProc
	}
	return err
}

// mountSys shows the machine's /sys, which a namespace that shares the network may not
// mount anew. What cannot be shown is left out.
func mountSys(p plan) error {
	target, err := p.place("/sys")
	if err != nil {
		return err
	}
	if mount("/sys", target, "", unix.MS_BIND|unix.MS_REC, "") == nil {
		readOnly(target, unix.AT_RECURSIVE)
	}
	return nil
}

func readOnly(target string, flags uint) {
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV}
	_ = unix.MountSetattr(unix.AT_FDCWD, target, flags, &attr) // Linux 5.12
}

func mountDev(p plan) error {
	dev, err := p.place("/dev")
	if err != nil {
		return err
	}
	if err := mount("tmpfs", dev, "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=755,size=64m"); err != nil {
		return err
	}
	for _, name := range devices {
		if _, err := os.Stat("/dev/" + name); err != nil {
			continue
		}
		if err := os.WriteFile(dev+"/"+name, nil, 0o666); err != nil {
			return err
		}
		if err := mount("/dev/"+name, dev+"/"+name, "", unix.MS_BIND, ""); err != nil {
			return err
		}
	}
	for link, target := range map[string]string{
		"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx",
	} {
		if err := os.Symlink(target, dev+"/"+link); err != nil {
			return err
		}
	}
	for _, dir := range []string{"pts", "shm"} {
		if err := os.Mkdir(dev+"/"+dir, 0o755); err != nil {
			return err
		}
	}
	if err := mountTerminals(p, dev+"/pts"); err != nil {
		return err
	}
	return mount("shm", dev+"/shm", "tmpfs", safe, "mode=1777")
}

// mountTerminals makes terminals of the run's own. They belong to the group tty, which is
// 5 in all distributions, where there is such an id.
func mountTerminals(p plan, target string) error {
	const own = "newinstance,ptmxmode=0666,mode=0620"
	if p.IDs != rootless.Single && mount("devpts", target, "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, own+",gid=5") == nil {
		return nil
	}
	if mount("devpts", target, "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, own) == nil {
		return nil
	}
	return mount("/dev/pts", target, "", unix.MS_BIND, "")
}

func writeFiles(p plan) error {
	dir, err := p.place(Ours)
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for name, content := range p.Files {
		if err := os.WriteFile(dir+"/"+name, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func mountBinds(p plan) error {
	for _, b := range p.Binds {
		target, err := p.place(b.Target)
		if err != nil {
			return err
		}
		if _, err := os.Lstat(target); err != nil { // below Ours
			if err := os.WriteFile(target, nil, 0o644); err != nil {
				return err
			}
		}
		source := b.Source
		if b.File != "" {
			if source, err = p.place(Ours + "/" + b.File); err != nil {
				return err
			}
		}
		if err := mount(source, target, "", unix.MS_BIND, ""); err != nil {
			return err
		}
		if !b.Writable {
			readOnly(target, 0)
		}
	}
	return nil
}

// pivot makes the plan's root the root directory. pivot_root(2) onto itself puts the
// old root on top of it, from where it is detached. A machine that runs from its
// initramfs has a root that cannot be pivoted; then the new one is moved over it.
func pivot(p plan) error {
	if err := unix.Chdir(p.Root); err != nil {
		return fmt.Errorf("entering %s: %w", p.Root, err)
	}
	if unix.PivotRoot(".", ".") == nil {
		if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
			return fmt.Errorf("leaving the machine's root directory: %w", err)
		}
		return unix.Chdir("/")
	}
	if err := mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return err
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("entering %s: %w", p.Root, err)
	}
	return unix.Chdir("/")
}
