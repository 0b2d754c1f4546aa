package doctor

import (
	"bufio"
	"context"
	"io/fs"
	"strconv"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

func (m *Machine) config() Finding {
	const check = "config"
	switch {
	case m.ConfigErr != nil:
		return failed(check, message.Of("doctor.config.bad"), m.ConfigErr, message.Of("doctor.config.bad.next"))
	case m.Config.Registry == "":
		return warn(check, message.Of("doctor.config.registry"), message.Of("doctor.config.registry.next"))
	}
	return ok(check, message.Of("doctor.config.ok", m.Config.Registry))
}

// switches are those of Linux that take namespaces away from users, with the value that
// does.
var switches = []struct{ file, closed, open string }{
	{"proc/sys/user/max_user_namespaces", "0", "user.max_user_namespaces=15000"},
	{"proc/sys/kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"},
	{"proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns=0"},
}

func (m *Machine) namespaces(ctx context.Context) Finding {
	const check = "namespaces"
	ranges, err := m.Enter(ctx)
	if err != nil {
		var next []message.Text
		for _, s := range switches {
			if text, _ := fs.ReadFile(m.Files, s.file); strings.TrimSpace(string(text)) == s.closed {
				next = append(next, message.Plain("sudo sysctl "+s.open))
			}
		}
		if len(next) == 0 {
			next = append(next, message.Of("doctor.ask-admin"))
		}
		return failed(check, message.Of("doctor.namespaces.bad"), err, next...)
	}
	if ranges {
		return ok(check, message.Of("doctor.namespaces.ok"))
	}
	return ok(check, message.Of("doctor.namespaces.single"))
}

// wantedIDs is how many ids an image may have that programs of distributions expect.
const wantedIDs = 65536

func (m *Machine) subordinate() Finding {
	const check = "subordinate ids"
	for _, file := range []string{"etc/subuid", "etc/subgid"} {
		if n := m.idsIn(file); n < wantedIDs {
			return warn(check, message.Of("doctor.subids.few", "/"+file, m.User, n),
				message.Plain("sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 "+m.User))
		}
	}
	return ok(check, message.Of("doctor.subids.ok"))
}

// idsIn is how many ids a file of subuid(5) gives to the user.
func (m *Machine) idsIn(file string) int {
	f, err := m.Files.Open(file)
	if err != nil {
		return 0
	}
	defer f.Close()
	total := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		parts := strings.Split(lines.Text(), ":")
		if len(parts) != 3 || parts[0] != m.User && parts[0] != strconv.Itoa(m.UID) {
			continue
		}
		if n, err := strconv.Atoi(parts[2]); err == nil {
			total += n
		}
	}
	return total
}

// programs: without these, subordinate ids cannot be used.
func (m *Machine) programs() Finding {
	const check = "newuidmap"
	for _, name := range []string{"newuidmap", "newgidmap"} {
		if _, err := m.Find(name); err != nil {
			return warn(check, message.Of("doctor.newuidmap.missing", name), message.Plain("sudo apt install uidmap"))
		}
	}
	return ok(check, message.Of("doctor.newuidmap.ok"))
}

func (m *Machine) fuse() Finding {
	const check = "fuse"
	info, err := fs.Stat(m.Files, "dev/fuse")
	if err != nil {
		return warn(check, message.Of("doctor.fuse.missing"), message.Plain("sudo apt install fuse3"))
	}
	if info.Mode().Perm()&0o006 != 0o006 {
		return warn(check, message.Of("doctor.fuse.closed"), message.Plain("sudo chmod 666 /dev/fuse"))
	}
	return ok(check, message.Of("doctor.fuse.ok"))
}

// Space on the disk, in bytes: too little to unpack a small base image, and little for
// what people put into one.
const (
	leastSpace  = 2 << 30
	littleSpace = 10 << 30
)

func (m *Machine) space() Finding {
	const check = "space"
	free, err := m.Free(m.DataDir)
	switch {
	case err != nil:
		return failed(check, message.Of("doctor.space.bad", m.DataDir), err, message.Of("doctor.ask-admin"))
	case free < leastSpace:
		return failed(check, message.Of("doctor.space.none", m.DataDir, message.Bytes(free)), nil, message.Of("doctor.space.next"))
	case free < littleSpace:
		return warn(check, message.Of("doctor.space.little", m.DataDir, message.Bytes(free)), message.Of("doctor.space.next"))
	}
	return ok(check, message.Of("doctor.space.ok", message.Bytes(free), m.DataDir))
}
