package fusefs

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDetach: a mount in use is gone from the tree, and can be used by those who
// do until its server ends.
func TestDetach(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a mount to detach without a server needs root")
	}
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, ""); err != nil {
		t.Skipf("mounting a tmpfs: %v", err)
	}
	used, err := os.Create(dir + "/used")
	if err != nil {
		t.Fatal(err)
	}
	defer used.Close()
	if err := unmountDirectly(dir); err == nil {
		t.Fatal("a mount in use was unmounted")
	}
	if err := Detach(dir); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); len(left) != 0 || err != nil {
		t.Errorf("the directory holds %v, %v", left, err)
	}
	if _, err := used.WriteString("still there"); err != nil {
		t.Error(err)
	}
}
