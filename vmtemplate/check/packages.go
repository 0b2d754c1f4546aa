package check

import (
	"io/fs"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// packageManager is the one of the image's distribution, by its program's name.
type packageManager string

const (
	apt    packageManager = "apt-get"
	dnf    packageManager = "dnf"
	yum    packageManager = "yum"
	zypper packageManager = "zypper"
	apk    packageManager = "apk"
)

func findPackageManager(files fs.FS) packageManager {
	for _, p := range []packageManager{apt, dnf, yum, zypper, apk} {
		for _, dir := range []string{"usr/bin/", "sbin/", "bin/", "usr/sbin/"} {
			if _, err := fs.Stat(files, dir+string(p)); err == nil {
				return p
			}
		}
	}
	return ""
}

// install is what to type for a package; empty where there is no manager, or the
// package has no name for it. Names differ: those of apt, of dnf, yum and zypper, and
// of apk.
func (p packageManager) install(debian, redhat, alpine string) []message.Text {
	var command string
	switch p {
	case apt:
		command = prefix("apt-get update && apt-get install -y ", debian)
	case dnf, yum:
		command = prefix(string(p)+" install -y ", redhat)
	case zypper:
		command = prefix("zypper install -y ", redhat)
	case apk:
		command = prefix("apk add ", alpine)
	}
	if command == "" {
		return nil
	}
	return []message.Text{message.Plain(command)}
}

func prefix(command, name string) string {
	if name == "" {
		return ""
	}
	return command + name
}
