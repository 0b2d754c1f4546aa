package image_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/jrun-hpc/jrun/image"
)

// TestClosedAuthFile: a directory of logins that cannot be looked into, as root's podman
// leaves it, is passed over.
func TestClosedAuthFile(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("DOCKER_CONFIG", "")
	// Root can look into all directories, but into no file.
	closed := filepath.Join(home, "closed")
	own, docker := filepath.Join(home, ".config/containers/auth.json"), filepath.Join(home, ".docker/config.json")
	write := func(file string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(closed)
	check := func(name, runtimeDir, dir, want string) {
		t.Helper()
		t.Setenv("XDG_RUNTIME_DIR", runtimeDir)
		if got, isClosed := image.ClosedAuthFile(dir); got != want || isClosed != (want != "") {
			t.Errorf("%s: %q, closed: %v", name, got, isClosed)
		}
	}
	check("a session with its own directory", home, closed, "")
	check("nothing there", "", filepath.Join(home, "none"), "")
	check("closed, and no logins", "", closed, own)
	write(docker)
	check("closed, and docker's", "", closed, docker)
	write(own)
	check("closed, and both", "", closed, own)
}
