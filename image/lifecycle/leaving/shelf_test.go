package leaving

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func tree(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
	}
}

func wantTree(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != content {
			t.Errorf("%s is %q, %v", name, b, err)
		}
	}
}

// TestMove moves within a file system, and, as /dev/shm is another one, between two.
func TestMove(t *testing.T) {
	other, err := os.MkdirTemp("/dev/shm", "leaving-")
	if err != nil {
		other = t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(other) })
	files := map[string]string{"bundle.json": "{}", "blobs/sha256/abc": "abc", "empty": ""}
	for name, target := range map[string]string{"here": t.TempDir(), "to another file system": other} {
		t.Run(name, func(t *testing.T) {
			from, to := filepath.Join(t.TempDir(), "b"), filepath.Join(target, "archive", "b")
			tree(t, from, files)
			// What a copy that was killed has left.
			tree(t, filepath.Join(target, "archive", copying+"b"), map[string]string{"half": "x"})
			for range 2 { // the second time it is done
				if err := (Disk{}).Move(t.Context(), from, to); err != nil {
					t.Fatal(err)
				}
				wantTree(t, to, files)
				if _, err := os.Lstat(from); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s is still there: %v", from, err)
				}
			}
			// Killed after the copy and before the removal.
			tree(t, from, files)
			if err := (Disk{}).Move(t.Context(), from, to); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Lstat(from); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s is doubled: %v", from, err)
			}
			if err := (Disk{}).Move(t.Context(), from, to+"2"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("nothing was moved: %v", err)
			}
		})
	}
}

func TestMoveIsInterrupted(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "b"), filepath.Join(t.TempDir(), "b")
	tree(t, from, map[string]string{"a": "1"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := copyAway(ctx, from, to); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if _, err := os.Lstat(to); err == nil {
		t.Error("half a bundle is under a bundle's name")
	}
}

func TestRemoveBundle(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "b")
	tree(t, dir, map[string]string{"a": "1"})
	tree(t, dir+unfinished, map[string]string{"a": "1"})
	for range 2 {
		if err := (Disk{}).Remove(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}
