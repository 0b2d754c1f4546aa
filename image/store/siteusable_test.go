package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/jrun-hpc/jrun/fault"
)

// TestSiteUsable: it says what is missing, and leaves nothing behind.
func TestSiteUsable(t *testing.T) {
	root := filepath.Join(t.TempDir(), "store")
	refused := func(when string) {
		t.Helper()
		_, err := SiteUsable(root)
		var f *fault.Error
		if !errors.As(err, &f) || f.Next == "" {
			t.Errorf("%s: %v", when, err)
		}
	}
	refused("without a directory")
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	if u, err := SiteUsable(root); err != nil || u.Exists || u.FreeBytes == 0 || u.FileSystem == "" {
		t.Errorf("an empty store: %+v, %v", u, err)
	}
	if err := InitSite(root); err != nil {
		t.Fatal(err)
	}
	if u, err := SiteUsable(root); err != nil || !u.Exists {
		t.Errorf("the site's part: %+v, %v", u, err)
	}
	if left, err := filepath.Glob(filepath.Join(root, "site", ".*")); err != nil || len(left) > 0 {
		t.Errorf("it has left %v, %v", left, err)
	}
	if err := os.Chmod(filepath.Join(root, "site"), 0o777); err != nil { //nolint:gosec // that is the mistake
		t.Fatal(err)
	}
	refused("open to everybody")
}
