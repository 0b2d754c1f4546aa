//go:build vm

package vm

import (
	"path/filepath"
	"strings"
	"testing"
)

// rootOffset is where the root file system begins in the disk; see image.sh.
const rootOffset = "69206016"

// TestImage: nothing is in an image that would be the same in every machine and must not
// be. It is looked at without a start, which makes such things.
func TestImage(t *testing.T) {
	raw := filepath.Join(t.TempDir(), "disk")
	run(t, "qemu-img", "convert", "-O", "raw", image(t), raw)
	look := func(request string) string {
		t.Helper()
		return run(t, "debugfs", "-R", request, raw+"?offset="+rootOffset)
	}
	users := 0
	for line := range strings.Lines(look("cat /etc/shadow")) {
		fields := strings.Split(line, ":")
		if len(fields) != 9 {
			continue // debugfs says its version
		}
		users++
		if fields[1] != "*" && !strings.HasPrefix(fields[1], "!") {
			t.Errorf("%s has a password", fields[0])
		}
	}
	if users < 10 {
		t.Errorf("the image has %d users; the list cannot be right", users)
	}
	if keys := look("ls /etc/ssh"); strings.Contains(keys, "ssh_host_") || !strings.Contains(keys, "sshd_config.d") {
		t.Errorf("/etc/ssh has %s", keys)
	}
	if id := look("stat /etc/machine-id"); !strings.Contains(id, "Size: 0") {
		t.Errorf("the image has a machine-id: %s", id)
	}
	for _, file := range []string{"/root/.ssh/authorized_keys", "/root/seal.sh", "/etc/hostname", "/var/lib/cloud/instance", "/etc/jbuild/jbuild.toml"} {
		if out := look("stat " + file); !strings.Contains(out, "File not found") {
			t.Errorf("the image has %s: %s", file, out)
		}
	}
}
