package hostmount

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/jrun-hpc/jrun/fault"
	"golang.org/x/sys/unix"
)

// TestCheckDir: only an empty directory is mounted on. A mount on a file cannot be
// used; one on a directory with files hides them, or the image mounted before.
func TestCheckDir(t *testing.T) {
	dir := t.TempDir()
	empty, full := filepath.Join(dir, "empty"), filepath.Join(dir, "full")
	file := filepath.Join(full, "file")
	if err := errors.Join(os.Mkdir(empty, 0o755), os.Mkdir(full, 0o755), os.WriteFile(file, nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		empty: nil, full: errNotEmpty, file: unix.ENOTDIR, filepath.Join(dir, "missing"): fs.ErrNotExist,
	} {
		err := checkDir(path)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
		var f *fault.Error
		if err != nil && (!errors.As(mountFault(path, err), &f) || f.Next == "") {
			t.Errorf("%s: %v is no fault", path, mountFault(path, err))
		}
	}
}
