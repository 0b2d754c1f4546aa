package inside

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMountPoints(t *testing.T) {
	root := t.TempDir()
	source := filepath.Join(t.TempDir(), "resolv.conf")
	write(t, source, "x")
	write(t, filepath.Join(root, "tmp/kept"), "x")
	if err := os.Symlink("/elsewhere/stub", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	remove, err := makeMountPoints(Command{Root: root, Binds: []Bind{{Source: source, Target: "/etc/resolv.conf"}, {File: "hosts", Target: "/link"}, {File: "x", Target: Ours + "/x"}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"proc": true, "sys": true, "dev": true, "etc/resolv.conf": true, "elsewhere/stub": true, "dev/.jbuild": false} {
		if there(root, name) != want {
			t.Errorf("%s is there: %v", name, !want)
		}
	}
	write(t, filepath.Join(root, "elsewhere/more"), "x")
	remove()
	for name, want := range map[string]bool{"proc": false, "sys": false, "dev": false, "etc": false, "elsewhere/stub": false, "elsewhere/more": true, "tmp/kept": true} {
		if there(root, name) != want {
			t.Errorf("after the run %s is there: %v", name, !want)
		}
	}
}

// TestMountPointsReplaced: what ran inside has put a link to the machine's files where
// jbuild had made a directory.
func TestMountPointsReplaced(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	remove, err := makeMountPoints(Command{Root: root, Binds: []Bind{{File: "hosts", Target: "/etc/hosts"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(root, "etc"), filepath.Join(root, "old")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(root, "etc")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(outside, "hosts"), "")
	remove()
	if !there(outside, "hosts") {
		t.Error("a file outside was removed")
	}
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func there(dir, name string) bool {
	_, err := os.Lstat(filepath.Join(dir, name))
	return err == nil
}
