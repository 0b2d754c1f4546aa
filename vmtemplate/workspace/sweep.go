package workspace

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// enter notes that a jbuild uses the data, until the file is closed. alone says that
// nobody else does: then nobody else enters before share is called.
func (st *Store) enter() (alone bool, err error) {
	f, err := os.OpenFile(filepath.Join(st.dir, "locks", "running"), os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return false, fmt.Errorf("locking: %w", err)
	}
	st.running = f
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		return true, nil
	}
	return false, st.share()
}

// share lets others enter.
func (st *Store) share() error {
	if err := unix.Flock(int(st.running.Fd()), unix.LOCK_SH); err != nil {
		return fmt.Errorf("locking: %w", err)
	}
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

// sweepStorage removes what builds have left in the store: their containers, and layers
// that belong to nothing. Nobody else uses the store.
func (st *Store) sweepStorage() {
	containers, err := st.store.Containers()
	if err != nil {
		return
	}
	for _, c := range containers {
		if !slices.ContainsFunc(c.Names, func(name string) bool { return strings.HasPrefix(name, prefix) }) {
			_, _ = st.store.Unmount(c.ID, true)
			_ = st.store.DeleteContainer(c.ID)
		}
	}
	st.sweepLayers()
}

// sweepLayers removes layers on which nothing stands. The store refuses to remove others.
func (st *Store) sweepLayers() {
	layers, err1 := st.store.Layers()
	images, err2 := st.store.Images()
	containers, err3 := st.store.Containers()
	if err1 != nil || err2 != nil || err3 != nil {
		return
	}
	parents, used := map[string]string{}, map[string]bool{}
	for _, l := range layers {
		parents[l.ID] = l.Parent
	}
	use := func(layer string) {
		for ; layer != "" && !used[layer]; layer = parents[layer] {
			used[layer] = true
		}
	}
	for _, img := range images {
		use(img.TopLayer)
		for _, l := range img.MappedTopLayers {
			use(l)
		}
	}
	for _, c := range containers {
		use(c.LayerID)
	}
	for gone := true; gone; { // children before their parents
		gone = false
		for id := range parents {
			if !used[id] && st.store.DeleteLayer(id) == nil {
				delete(parents, id)
				gone = true
			}
		}
	}
}
