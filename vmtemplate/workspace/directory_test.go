package workspace

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestMakeDirectory(t *testing.T) {
	root := t.TempDir()
	outside := t.TempDir()
	for _, dir := range []string{"root", "proc"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.WriteFile(filepath.Join(root, "root/file"), nil, 0o644), os.Symlink(outside, filepath.Join(root, "root/out"))); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, dir, base string
		want            error
	}{
		{"a new one", "/root", "data", nil},
		{"one in it", "/root/data", "deeper", nil},
		{"one that is there", "/root", "data", nil},
		{"a file's place", "/root", "file", fs.ErrExist},
		{"a link's place", "/root", "out", fs.ErrExist},
		{"nowhere", "/root/none", "data", fs.ErrNotExist},
		{"behind a link that leads out", "/root/out", "data", fs.ErrNotExist},
		{"the machine's", "/proc", "data", ErrShown},
	} {
		if err := makeIn(root, c.dir, c.base); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
		t.Errorf("outside are %v, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(root, "root/data/deeper")); err != nil {
		t.Error(err)
	}
}
