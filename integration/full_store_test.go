//go:build e2e

package integration

import (
	"fmt"
	"testing"

	"github.com/jrun-hpc/jrun/integration/campaign"
	"golang.org/x/sys/unix"
)

// TestFullStores pulls into file systems that are too small, by bytes or by
// files, at random places; and then into the same ones made bigger.
func TestFullStores(t *testing.T) {
	needRoot(t, "mounts small file systems")
	chance := campaign.Random(t)
	want, _ := referenceOf(t, campaignImages[0])
	const enough = 64 << 20
	failed := 0
	for range campaign.Slice(5, 60) {
		options := fmt.Sprintf("mode=0777,size=%d,nr_inodes=1000", 4096*(1+chance.IntN(2500)))
		if chance.IntN(4) == 0 {
			options = fmt.Sprintf("mode=0777,size=%d,nr_inodes=%d", enough, 2+chance.IntN(12))
		}
		s := freshSession(t)
		if err := s.user.Mkdir(s.store); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount("small", s.store, "tmpfs", 0, options); err != nil {
			t.Fatal(err)
		}
		r := s.run("pull", "-q", ref(campaignImages[0]))
		if r.code != 0 {
			failed++
			r.wantFault(125, "space")
		}
		want.requireRightOrFault(r, s)
		bigger := fmt.Sprintf("mode=0777,size=%d,nr_inodes=1000", enough)
		if err := unix.Mount("small", s.store, "tmpfs", unix.MS_REMOUNT, bigger); err != nil {
			t.Fatal(err)
		}
		s.ok("pull", "-q", ref(campaignImages[0]))
		want.requireWhole(s)
		if err := unix.Unmount(s.store, unix.MNT_DETACH); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			t.Fatalf("with %s", options)
		}
	}
	t.Logf("%d pulls met a full file system", failed)
	if failed == 0 {
		t.Error("every file system was big enough: the test does not test anything")
	}
}
