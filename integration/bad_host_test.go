//go:build e2e

package integration

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// withFuseMode gives /dev/fuse other permissions for one test.
func withFuseMode(t *testing.T, mode os.FileMode) {
	t.Helper()
	needRoot(t, "changes the mode of /dev/fuse")
	info, err := os.Stat("/dev/fuse")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Chmod("/dev/fuse", info.Mode().Perm()); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod("/dev/fuse", mode); err != nil {
		t.Fatal(err)
	}
}

// withSysctl writes a kernel setting for one test.
func withSysctl(t *testing.T, path, value string) {
	t.Helper()
	needRoot(t, "changes "+path)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(path, before, 0); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(path, []byte(value), 0); err != nil {
		t.Fatal(err)
	}
}

// check is one line of doctor --json.
type check struct {
	Name, Status, Detail, Fix string
}

// doctor returns the checks by name, and the exit status.
func doctor(s *session) (map[string]check, int) {
	s.t.Helper()
	r := s.run("doctor", "--json")
	var report struct{ Checks []check }
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil {
		s.t.Fatalf("doctor --json: %v: %q %q", err, r.stdout, r.stderr)
	}
	checks := map[string]check{}
	for _, c := range report.Checks {
		checks[c.Name] = c
	}
	return checks, r.code
}

func TestDoctorOnThisMachine(t *testing.T) {
	s := newSession(t)
	checks, code := doctor(s)
	if code != 0 {
		t.Errorf("doctor ended with %d", code)
	}
	for name, c := range checks {
		if c.Status != "ok" && c.Status != "warning" {
			t.Errorf("%s: %+v", name, c)
		}
	}
	if text := s.ok("doctor"); !strings.Contains(text, "ok") {
		t.Errorf("doctor printed %q", text)
	}
}

func TestFuseForbidden(t *testing.T) {
	s := newSession(t)
	s.ok("pull", "-q", ref("demo/static:latest"))
	withFuseMode(t, 0o600)
	s.run("run", "-q", ref("demo/static:latest")).wantFault(125, "/dev/fuse")
	s.run("doctor").want(1)
	requireOneProblem(s, "/dev/fuse", "chmod 666 /dev/fuse")
}

func TestUserNamespacesDisabled(t *testing.T) {
	s := newSession(t)
	s.ok("pull", "-q", ref("demo/static:latest"))
	withSysctl(t, "/proc/sys/user/max_user_namespaces", "0")
	s.run("run", "-q", ref("demo/static:latest")).wantFault(125, "user namespaces", "max_user_namespaces")
	requireOneProblem(s, "user namespaces", "user.max_user_namespaces")
}

func TestDoctorFindsStore(t *testing.T) {
	s := newSession(t)
	s.setStore("/proc/no-store-here")
	requireOneProblem(s, "/proc/no-store-here", "--store")
}

// requireOneProblem checks that doctor fails a check that mentions what, and
// offers a command that mends it.
func requireOneProblem(s *session, what, fix string) {
	s.t.Helper()
	checks, code := doctor(s)
	if code == 0 {
		s.t.Error("doctor ended with 0")
	}
	for _, c := range checks {
		if c.Status == "ok" || c.Status == "warning" {
			continue
		}
		all := strings.ToLower(c.Name + " " + c.Detail)
		if strings.Contains(all, what) && strings.Contains(c.Fix, fix) {
			return
		}
	}
	s.t.Errorf("no failed check mentions %q and mends it with %q: %+v", what, fix, checks)
}
