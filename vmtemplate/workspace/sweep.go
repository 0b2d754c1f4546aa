package workspace

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// enter notes that a jbuild uses the data, until the file is closed. The first of them
// removes what processes that were killed have left.
func (st *Store) enter() error {
	f, err := os.OpenFile(filepath.Join(st.dir, "locks", "running"), os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("locking: %w", err)
	}
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		st.sweep()
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_SH); err != nil {
		f.Close()
		return fmt.Errorf("locking: %w", err)
	}
	st.running = f
	return nil
}

// sweep removes temporary files, of which nobody is using one. The caches of
// RUN --mount=type=cache stay.
func (st *Store) sweep() {
	for _, dir := range []string{"tmp", "blobs"} {
		entries, err := os.ReadDir(filepath.Join(st.dir, dir))
		if err != nil {
			continue
		}
		for _, e := range entries {
			cache := strings.HasPrefix(e.Name(), "buildah-cache-")
			finished := dir == "blobs" && !strings.HasPrefix(e.Name(), "tmp-")
			if !cache && !finished {
				_ = os.RemoveAll(filepath.Join(st.dir, dir, e.Name()))
			}
		}
	}
}
