//go:build e2e

package integration

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestDevicesBySpecification gives a job a device that every machine has, by a CDI
// specification as a vendor's tools write them.
func TestDevicesBySpecification(t *testing.T) {
	s := freshSession(t)
	if err := s.user.Mkdir(filepath.Join(s.dir, "cdi")); err != nil {
		t.Fatal(err)
	}
	data := s.write("data", "of the vendor", 0o644)
	s.write("cdi/vendor.yaml", fmt.Sprintf(`
cdiVersion: 1.1.0
kind: vendor.com/npu
containerEdits:
  env: [NPU=present]
  hooks:
  - hookName: createContainer
    path: /usr/bin/nvidia-cdi-hook
    args: [nvidia-cdi-hook, create-symlinks, --link, /opt/vendor/data::/opt/vendor/link]
devices:
- name: zero
  containerEdits:
    deviceNodes:
    - path: /dev/npu/zero
      hostPath: /dev/zero
    mounts:
    - hostPath: %s
      containerPath: /opt/vendor/data
      options: [ro]
`, data), 0o644)
	s.env["JRUN_CONFIG"] = s.write("jrun.toml", fmt.Sprintf("cdi_dirs = [%q]\n", filepath.Join(s.dir, "cdi")), 0o644)

	// The link is of all devices, what it leads to of one.
	got := s.ok("run", "-q", "--gpu=vendor.com/npu=zero", ref(minimal), "--", "sh", "-c",
		`echo "$NPU"; head -c 3 /dev/npu/zero | od -An -tx1; cat /opt/vendor/link; (echo x >/opt/vendor/data) 2>/dev/null || echo " read-only"`)
	if fields := strings.Join(strings.Fields(got), " "); fields != "present 00 00 00 of the vendor read-only" {
		t.Errorf("inside is %q", fields)
	}
	if got := s.ok("run", "-q", "--gpu=none", ref(minimal), "--", "sh", "-c", `ls /dev/npu 2>/dev/null; echo "[$NPU]"`); got != "[]" {
		t.Errorf("with --gpu=none inside is %q", got)
	}
	if r := s.run("run", "-q", "--gpu=vendor.com/npu=other", ref(minimal), "--", "true"); r.code != 125 || !strings.Contains(r.stderr, "vendor.com/npu=zero") {
		t.Errorf("a device that is not there: %+v", r)
	}
}
