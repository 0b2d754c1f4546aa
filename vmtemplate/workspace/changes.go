package workspace

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/change"
	"go.podman.io/storage/pkg/archive"
)

// Changes lists what differs from the base, in the order of paths. Directories of which
// only the list of names has changed are left out.
func (w *Workspace) Changes() ([]change.Change, error) {
	list, err := w.st.store.Changes("", w.container.LayerID)
	if err != nil {
		return nil, fmt.Errorf("finding what has changed in workspace %s: %w", w.Name, err)
	}
	root, err := w.mount()
	if err != nil {
		return nil, err
	}
	in, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("reading workspace %s: %w", w.Name, err)
	}
	defer func() { _ = in.Close() }()
	all := make([]change.Change, 0, len(list))
	for _, l := range list {
		if c, ok := changeOf(in, l); ok {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b change.Change) int { return cmp.Compare(a.Path, b.Path) })
	return all, nil
}

func changeOf(in *os.Root, l archive.Change) (change.Change, bool) {
	c := change.Change{Path: l.Path, Left: change.Filter(l.Path)}
	switch l.Kind {
	case archive.ChangeAdd:
		c.Kind = change.Added
	case archive.ChangeModify:
		c.Kind = change.Modified
	default:
		c.Kind = change.Deleted
		return c, true
	}
	info, err := in.Lstat(strings.TrimPrefix(l.Path, "/"))
	if err != nil {
		return c, true // it has gone in between, or cannot be looked at
	}
	if c.Dir = info.IsDir(); c.Dir && c.Kind == change.Modified {
		return c, false
	}
	if info.Mode().IsRegular() {
		c.Bytes = info.Size()
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		c.At = time.Unix(s.Ctim.Unix())
	}
	return c, true
}
