//go:build e2e

package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// withFuseMode is the session on a machine whose /dev/fuse has other permissions. Another
// device lies over the one that everything else here uses meanwhile.
func (s *session) withFuseMode(mode uint32) *session {
	s.t.Helper()
	needRoot(s.t, "makes a device")
	device := filepath.Join(s.dir, "fuse")
	if err := errors.Join(unix.Mknod(device, unix.S_IFCHR|mode, int(unix.Mkdev(10, 229))), os.Chmod(device, os.FileMode(mode))); err != nil {
		s.t.Fatal(err)
	}
	there := *s
	there.node = bootNode(s.t, 1, nil, `mount --bind "$1" /dev/fuse`, device)
	s.t.Cleanup(there.node.stop)
	return &there
}

// finding is one entry of doctor --json.
type finding struct {
	Check, Status, Detail string
	Next                  []string
}

// doctor returns the findings and the exit status.
func doctor(s *session) ([]finding, int) {
	s.t.Helper()
	r := s.run("doctor", "--json")
	var findings []finding
	if err := json.Unmarshal([]byte(r.stdout), &findings); err != nil {
		s.t.Fatalf("doctor --json: %v: %q %q", err, r.stdout, r.stderr)
	}
	return findings, r.code
}

func TestDoctorOnThisMachine(t *testing.T) {
	s := newSession(t)
	findings, code := doctor(s)
	if code != 0 || len(findings) == 0 {
		t.Errorf("doctor ended with %d and %d findings", code, len(findings))
	}
	for _, f := range findings {
		if f.Status != "ok" && f.Status != "warning" {
			t.Errorf("%+v", f)
		}
	}
	if text := s.ok("doctor"); !strings.Contains(text, "ok") {
		t.Errorf("doctor printed %q", text)
	}
}

func TestFuseForbidden(t *testing.T) {
	s := newSession(t)
	s.ok("pull", "-q", ref("demo/static:latest"))
	s = s.withFuseMode(0o600)
	s.run("run", "-q", ref("demo/static:latest")).wantFault(125, "/dev/fuse")
	if text := s.run("doctor").want(125).stdout; !strings.Contains(text, "next: ") {
		t.Errorf("doctor does not say what to do: %s", text)
	}
	requireOneProblem(s, "/dev/fuse", "chmod 666 /dev/fuse")
}

func TestUserNamespacesDisabled(t *testing.T) {
	s := newSession(t)
	s.ok("pull", "-q", ref("demo/static:latest"))
	// The limit holds for what is below a user namespace, so that in one of its
	// own a test can set it without touching the machine.
	s.wrap = []string{"unshare", "--user", "--map-current-user", "--keep-caps", "/bin/sh", "-c",
		`echo 0 >/proc/sys/user/max_user_namespaces && exec "$0" "$@"`}
	s.run("run", "-q", ref("demo/static:latest")).wantFault(125, "user namespaces", "max_user_namespaces")
	requireOneProblem(s, "user namespaces", "user.max_user_namespaces")
}

// TestChroot: the kernel makes no user namespaces for processes in a chroot, as
// some sites have on login nodes.
func TestChroot(t *testing.T) {
	needRoot(t, "changes the root directory")
	s := newSession(t)
	root := filepath.Join(s.dir, "root")
	for _, dir := range []string{"", "proc", "dev", "tmp"} {
		if err := s.user.Mkdir(filepath.Join(root, dir)); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"proc", "dev"} {
		if err := unix.Mount("/"+dir, filepath.Join(root, dir), "", unix.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
		defer unix.Unmount(filepath.Join(root, dir), unix.MNT_DETACH)
	}
	if err := os.Link(lab.jrun, filepath.Join(root, "jrun")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("chroot", fmt.Sprintf("--userspec=%d:%d", s.user.UID, s.user.GID), root, "/jrun", "doctor")
	cmd.Env = []string{"JRUN_STORE=/tmp/store", "HOME=/tmp"}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 125 {
		t.Fatalf("doctor in a chroot: %v: %s", err, out)
	}
	for _, part := range []string{"user namespaces", "chroot", "next: "} {
		if !strings.Contains(string(out), part) {
			t.Errorf("doctor does not mention %q: %s", part, out)
		}
	}
}

func TestDoctorFindsStore(t *testing.T) {
	s := newSession(t)
	s.setStore("/proc/no-store-here")
	requireOneProblem(s, "/proc/no-store-here", "--store")
}

// requireOneProblem checks that doctor finds exactly one thing wrong, that it
// is about what, and that its remedy mentions next.
func requireOneProblem(s *session, what, next string) {
	s.t.Helper()
	findings, code := doctor(s)
	if code != 125 {
		s.t.Errorf("doctor ended with %d, want 125", code)
	}
	var failed []finding
	for _, f := range findings {
		if f.Status == "failed" {
			failed = append(failed, f)
		}
	}
	if len(failed) != 1 || !strings.Contains(strings.ToLower(failed[0].Check+" "+failed[0].Detail), what) ||
		!strings.Contains(strings.Join(failed[0].Next, "\n"), next) {
		s.t.Errorf("want one failed check, about %q and with the remedy %q; got %+v", what, next, failed)
	}
}
