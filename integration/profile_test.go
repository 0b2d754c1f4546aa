//go:build e2e

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// profiles lists the start-up profiles in a session's store.
func profiles(s *session) []string {
	s.t.Helper()
	found, err := filepath.Glob(filepath.Join(s.store, "user", itoa(s.user.UID), "objects", "*.profile"))
	if err != nil {
		s.t.Fatal(err)
	}
	return found
}

// TestProfile: a program's first start leaves a profile beside the image, the
// next one uses it, a bad one is replaced, and it goes with the image.
func TestProfile(t *testing.T) {
	s := freshSession(t)
	start := func(flags ...string) {
		s.ok(append(append([]string{"run", "-q"}, flags...), ref(minimal), "--", "perl", "-e", "use POSIX; print POSIX::floor(1.5)")...)
		s.awaitNoHolder()
	}
	start("--no-profile")
	if found := profiles(s); len(found) > 0 {
		t.Fatalf("--no-profile left %q", found)
	}
	start()
	want := strings.TrimSuffix(objects(s)[0], ".sqfs") + ".perl.profile"
	if found := profiles(s); len(found) != 1 || found[0] != want {
		t.Fatalf("the first start left %q, want %s", found, want)
	}
	first, err := os.Stat(want)
	if err != nil {
		t.Fatal(err)
	}
	// The same start reads the same, so that the profile is good enough to keep.
	start()
	if again, err := os.Stat(want); err != nil || !os.SameFile(first, again) {
		t.Errorf("the second start did not keep the profile (%v)", err)
	}
	// Another program has one of its own.
	s.ok("run", "-q", ref(minimal), "--", "cat", "/etc/debian_version")
	eventually(t, "the second profile is there", func() bool { return len(profiles(s)) == 2 })

	if err := os.WriteFile(want, []byte("no profile"), 0o644); err != nil {
		t.Fatal(err)
	}
	start()
	if text, err := os.ReadFile(want); err != nil || string(text) == "no profile" {
		t.Errorf("a bad profile was not replaced (%v)", err)
	}
	s.ok("rm", ref(minimal))
	if found := objectFiles(s); len(found) > 0 {
		t.Errorf("jrun rm left %q", found)
	}
}
