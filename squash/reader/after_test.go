package reader

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jrun-hpc/jrun/squash"
)

// TestAfter goes through the inode table from the first inode to the last and
// must meet what a walk through the directories meets.
func TestAfter(t *testing.T) {
	eachImage(t, func(t *testing.T, r *Reader, _ string) {
		seen := make(map[squash.InodeRef]bool)
		if err := r.Walk(func(_ string, ino *Inode) error {
			seen[ino.Ref] = true
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		want := slices.Sorted(maps.Keys(seen))
		ino, err := r.Inode(0)
		var got []squash.InodeRef
		for ; err == nil && len(got) <= len(want); ino, err = r.After(&ino) {
			got = append(got, ino.Ref)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("inodes in the table (-by the directories +one after another):\n%s", diff)
		}
		if !IsCorrupt(err) {
			t.Errorf("behind the last inode: %v, want an error about corruption", err)
		}
	})
}
