package bundle

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/integration/campaign"
)

// childDir names the bundle that a process of the test makes, and childHarbor where
// from.
const (
	childDir    = "JRUN_TEST_BUNDLE"
	childHarbor = "JRUN_TEST_HARBOR"
)

// TestChild is no test, but what TestKilled starts.
func TestChild(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		t.Skip("it is a part of TestKilled")
	}
	w := &world{TB: t, fake: &fakeharbor.Server{Host: strings.TrimPrefix(os.Getenv(childHarbor), "http://")}, project: "20260001"}
	r := w.requestOf(os.Getenv(childHarbor))
	r.Workers = 3
	if _, err := Make(t.Context(), dir, r); err != nil {
		t.Fatal(err)
	}
}

// TestKilled kills processes that make a bundle (SIGKILL) at random moments, until one
// comes to its end.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts many processes")
	}
	random := campaign.Random(t)
	w := newWorld(t)
	whole := filepath.Join(t.TempDir(), "b")
	r := w.request()
	r.Records, r.Pins, r.Recipe = nil, nil, nil
	if _, err := Make(t.Context(), whole, r); err != nil {
		t.Fatal(err)
	}
	want := contents(t, whole)
	for range 2 * campaign.Times(t) {
		dir := filepath.Join(t.TempDir(), "b")
		for kills := 0; ; kills++ {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$")
			cmd.Env = append(os.Environ(), childDir+"="+dir, childHarbor+"="+w.fake.URL)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			// Later and later, so that it comes to an end on any machine.
			timer := time.AfterFunc(time.Duration(random.IntN(12+2*kills))*time.Millisecond, func() { _ = cmd.Process.Kill() })
			err := cmd.Wait()
			timer.Stop()
			if err == nil {
				t.Logf("done after %d kills", kills)
				break
			}
			if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() {
				t.Fatalf("a process ended with %v", err)
			}
			if _, err := os.Lstat(dir); err == nil {
				if _, err := Verify(t.Context(), dir); err != nil {
					t.Fatalf("there is a bundle, which is not whole: %v", err)
				}
			}
		}
		if diff := cmp.Diff(want, contents(t, dir)); diff != "" {
			t.Fatalf("(-undisturbed +killed):\n%s", diff)
		}
	}
}

// TestDiskFull: a disk that is full at any step is said to be, and the run goes on when
// there is room.
func TestDiskFull(t *testing.T) {
	w := newWorld(t)
	for n := 5; n < 100; n += 20 {
		dir := filepath.Join(t.TempDir(), "b")
		r := w.request()
		die := dieAfter(n)
		r.before = func(op string) error {
			if die(op) != nil {
				return syscall.ENOSPC
			}
			return nil
		}
		_, err := Make(t.Context(), dir, r)
		var f *fault.Error
		if !errors.As(err, &f) || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(f.Next, "make room") {
			t.Fatalf("after %d changes: %v", n, err)
		}
		if _, err := Make(t.Context(), dir, w.request()); err != nil {
			t.Fatalf("with room again, after %d changes: %v", n, err)
		}
	}
}

// TestTwoAtOnce: the second says that there is a first.
func TestTwoAtOnce(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Join(t.TempDir(), "b")
	r := w.request()
	var second error
	r.Progress = func(p Progress) {
		if p.Stage == Describing {
			_, second = Make(t.Context(), dir, w.request())
		}
	}
	if _, err := Make(t.Context(), dir, r); err != nil {
		t.Fatal(err)
	}
	if second == nil || !strings.Contains(second.Error(), "another jadm is at it") {
		t.Errorf("the second: %v", second)
	}
}
