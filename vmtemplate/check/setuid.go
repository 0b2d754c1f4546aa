package check

import (
	"io/fs"
	"path"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// setuidRule: jobs never gain rights (no_new_privs, mounts are nosuid), so programs
// that become root by their mode or by capabilities run as the user. Most are the
// distribution's own for logging in and mounting, and nobody misses them in a job.
type setuidRule struct {
	others     paths
	sudo       bool
	candidates []string // programs that may have capabilities
}

// ordinary are what distributions install with a setuid or setgid bit.
var ordinary = map[string]bool{
	"su": true, "mount": true, "umount": true, "passwd": true, "gpasswd": true, "newgrp": true, "chsh": true, "chfn": true, "chage": true, "expiry": true,
	"wall": true, "write": true, "bsd-write": true, "unix_chkpwd": true, "pam_timestamp_check": true, "ssh-agent": true, "ssh-keysign": true, "crontab": true, "at": true,
	"pkexec": true, "polkit-agent-helper-1": true, "dbus-daemon-launch-helper": true, "fusermount": true, "fusermount3": true, "ntfs-3g": true, "staprun": true,
	"userhelper": true, "usernetctl": true, "mount.nfs": true, "mount.cifs": true, "exim4": true, "dotlockfile": true, "mlocate": true, "locate": true, "plocate": true,
	"utempter": true, "sg": true, "vipw": true, "sudoedit": true, "postdrop": true, "postqueue": true, "lockfile": true, "chkpwd": true, "traceroute6.iputils": true,
	"newuidmap": true, "newgidmap": true, "ping": true, "ping6": true, "ping4": true, "arping": true, "clockdiff": true, "mtr-packet": true, "bbsuid": true,
	"gst-ptp-helper": true, "grub2-set-bootflag": true, "Xorg.wrap": true, "chrome-sandbox": true,
}

func (r *setuidRule) visit(e *entry) {
	if !e.regular() || e.mode&0o111 == 0 {
		return
	}
	switch {
	case e.mode&(fs.ModeSetuid|fs.ModeSetgid) != 0:
		if e.name == "sudo" {
			r.sudo = true
		} else if !ordinary[e.name] {
			r.others.add(e.path)
		}
	case path.Base(path.Dir(e.path)) == "bin" || path.Base(path.Dir(e.path)) == "sbin":
		r.candidates = append(r.candidates, e.path)
	}
}

func (r *setuidRule) judge(x *examination) ([]Finding, error) {
	if tree, ok := x.Files.(attributed); ok {
		for _, name := range r.candidates {
			if value, err := tree.Attribute(name, "security.capability"); err == nil && len(value) > 0 && !ordinary[path.Base(name)] {
				r.others.add(name)
			}
		}
	}
	var all []Finding
	if !r.others.empty() {
		all = append(all, finding("setuid", Warns, message.Of("check.setuid", r.others.count()), message.Of("check.setuid.next")).at(r.others))
	}
	if r.sudo {
		all = append(all, finding("sudo", Advises, message.Of("check.sudo"), message.Of("check.sudo.next")))
	}
	return all, nil
}
