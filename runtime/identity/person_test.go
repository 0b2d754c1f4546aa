package identity

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// directoryServer puts a getent(1) first in PATH that answers as one with LDAP
// behind it does: for one person and one group.
func directoryServer(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	script := `#!/bin/sh
case "$1 $2" in
"passwd 7654321") echo 's2410001:*:7654321:7654322:Hanako Sato:/home/s2410001:/bin/zsh' ;;
"group 7654322") echo 'students:*:7654322:' ;;
"passwd 7654399") echo 'liar:*:0:0::/:/bin/sh' ;;
*) exit 2 ;;
esac
`
	if err := os.WriteFile(filepath.Join(dir, "getent"), []byte(script), 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func TestLookupAsksTheDirectory(t *testing.T) {
	directoryServer(t)
	want := []string{"s2410001", "*", "7654321", "7654322", "Hanako Sato", "/home/s2410001", "/bin/zsh"}
	if diff := cmp.Diff(want, lookup(t.Context(), "passwd", 7654321)); diff != "" {
		t.Errorf("person (-want +got):\n%s", diff)
	}
	if got := groupName(t.Context(), 7654322); got != "students" {
		t.Errorf("group is %q", got)
	}
	if got := lookup(t.Context(), "passwd", 7654399); got != nil {
		t.Errorf("an answer about somebody else was believed: %v", got)
	}
	if got := groupName(t.Context(), 7654398); got != "group7654398" {
		t.Errorf("a group that nobody knows is called %q", got)
	}
}

func TestLookupWithoutGetent(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if got := lookup(t.Context(), "passwd", 7654321); got != nil {
		t.Errorf("somebody answered: %v", got)
	}
	if got := lookup(t.Context(), "passwd", 0); len(got) < 7 || got[0] != "root" {
		t.Errorf("root is %v", got)
	}
}

func TestCurrent(t *testing.T) {
	t.Setenv("HOME", "/scratch/job/../home")
	p := Current(t.Context())
	if p.UID != os.Getuid() || p.Name == "" || p.Shell == "" {
		t.Errorf("person is %+v", p)
	}
	if p.Home != "/scratch/home" {
		t.Errorf("home is %q, not the clean $HOME", p.Home)
	}
	if len(p.Groups) == 0 || p.Groups[0].GID != os.Getgid() {
		t.Errorf("groups are %v", p.Groups)
	}
	t.Setenv("HOME", "relative")
	if p := Current(t.Context()); p.Home != "/" {
		t.Errorf("a relative home became %q", p.Home)
	}
}
