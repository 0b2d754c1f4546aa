//go:build e2e

package integration

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/jrun-hpc/jrun/integration/campaign"
	"golang.org/x/sys/unix"
)

// failing is a mounted file system that fails when told to.
type failing struct {
	t      *testing.T
	in     io.Writer
	out    *bufio.Reader
	source string
}

// mountFailing puts a session's store on a file system that can fail.
func mountFailing(t *testing.T, s *session) *failing {
	t.Helper()
	binary := filepath.Join(s.dir, "faults")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "./faults").CombinedOutput(); err != nil {
		t.Fatalf("building faults: %v: %s", err, out)
	}
	f := &failing{t: t, source: filepath.Join(s.dir, "source")}
	for _, dir := range []string{f.source, s.store} {
		if err := s.user.Mkdir(dir); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(binary, f.source, s.store)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	f.in, f.out = in, bufio.NewReader(out)
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the failing file system: %v", err)
			unix.Unmount(s.store, unix.MNT_DETACH)
		}
	})
	f.arm(0, 0) // answered once it is mounted
	return f
}

// arm makes the n-th change from now fail. It returns how many there were since
// the last call and which failed, "-" for none.
func (f *failing) arm(n int, errno syscall.Errno) (count int, what string) {
	f.t.Helper()
	fmt.Fprintln(f.in, n, int(errno))
	if _, err := fmt.Fscanln(f.out, &count, &what); err != nil {
		f.t.Fatalf("the failing file system does not answer: %v", err)
	}
	return count, what
}

// TestFailingStore makes each operation that changes the store fail, once with
// EIO and once with ENOSPC: all of them when campaign.Soaking(), some otherwise.
func TestFailingStore(t *testing.T) {
	needRoot(t, "mounts a failing file system")
	chance := campaign.Random(t)
	want, _ := referenceOf(t, campaignImages[0])
	s := freshSession(t)
	f := mountFailing(t, s)
	s.ok("pull", "-q", ref(campaignImages[0]))
	want.requireWhole(s)
	total, _ := f.arm(0, 0)
	s.ok("rm", ref(campaignImages[0]))

	// The first and last operations are the interesting ones: those in between
	// are writes of blocks.
	positions := chance.Perm(total)
	if !campaign.Soaking() {
		positions = append(positions[:4], total-1, total-2-chance.IntN(8))
	}
	failures := map[string]int{}
	for i, position := range positions {
		if i%100 == 99 {
			t.Logf("%d of %d operations done", i+1, len(positions))
		}
		for _, errno := range []syscall.Errno{syscall.EIO, syscall.ENOSPC} {
			if !campaign.Soaking() && errno == syscall.EIO != (i%2 == 0) {
				continue
			}
			// The directories that the first pull makes are part of it.
			if err := os.RemoveAll(filepath.Join(f.source, "user")); err != nil {
				t.Fatal(err)
			}
			f.arm(position+1, errno)
			r := s.run("pull", "-q", ref(campaignImages[0]))
			_, what := f.arm(0, 0)
			failures[what]++
			if r.code != 0 {
				r.wantFault(125, s.store) // it is the store's fault, nobody else's
			}
			want.requireRightOrFault(r, s)
			s.ok("pull", "-q", ref(campaignImages[0]))
			want.requireWhole(s)
			s.ok("images")
			if t.Failed() {
				t.Fatalf("after %v at operation %d of %d, %s; pull ended with %d: %s", errno, position+1, total, what, r.code, r.stderr)
			}
		}
	}
	t.Logf("%d operations; failed: %v", total, failures)
	if len(failures) == 1 && failures["-"] > 0 {
		t.Error("nothing failed: the test does not test anything")
	}
}
