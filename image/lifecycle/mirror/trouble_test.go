package mirror

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

// TestGate: what a project's rules forbid is not converted, and is as soon as they do
// not; what was converted before stays.
func TestGate(t *testing.T) {
	w := newWorld(t)
	w.fake.AddProject(fakeharbor.Project{Name: "p", Severity: "high"})
	a := w.fake.Push("p/app", "1", testImage(t, "a"))
	m, _ := w.mirror(func(o *Options) { onAMD64(o); o.PollEvery = time.Hour })
	w.settle(m)
	failures := m.Status().Failures
	if len(failures) != 1 || failures[0].Reason != Forbidden || failures[0].Digest != a || len(w.digests("p")) != 0 {
		t.Fatalf("not scanned: failures are %+v, objects %v", failures, w.digests("p"))
	}
	m.marks.add(Target{"p", "app"}, pressing, time.Now()) // not a hint: it is not tried again
	w.settle(m)
	if again := m.Status().Failures; again[0].Attempts != 1 {
		t.Errorf("it was tried %d times", again[0].Attempts)
	}
	w.fake.SetScan("p/app", "1", &fakeharbor.Scan{})
	m.Mark(Target{"p", "app"}) // SCANNING_COMPLETED
	w.settle(m)
	if failures := m.Status().Failures; len(failures) != 0 || !w.digests("p")[a] {
		t.Errorf("scanned: failures are %+v, objects %v", failures, w.digests("p"))
	}
	w.fake.SetScan("p/app", "1", &fakeharbor.Scan{Vulnerabilities: []fakeharbor.Vulnerability{{ID: "CVE-1", Severity: "Critical"}}})
	w.round(m)
	if !w.digests("p")[a] {
		t.Error("a vulnerability has removed what was converted; jrun asks Harbor for each job")
	}
}

// TestBroken: an image that cannot be converted is not tried in a loop, not even by a
// service that is started again and again, but when it is wanted, or another is pushed.
func TestBroken(t *testing.T) {
	w := newWorld(t)
	w.fake.AddProject(fakeharbor.Project{Name: "p"})
	layer := digest.FromString("no tar")
	w.fake.PushBlob("p/app", layer, []byte("no tar"))
	config := fmt.Sprintf(`{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[%q]}}`, layer)
	w.fake.PushBlob("p/app", digest.FromString(config), []byte(config))
	broken := w.fake.PushManifest("p/app", "1", "application/vnd.oci.image.manifest.v1+json", fmt.Appendf(nil,
		`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":%q,"size":6}]}`,
		digest.FromString(config), len(config), layer))
	other := w.fake.Push("p/arm", "1", fakeharbor.Image(t, "arm", "arm64"))
	m, stop := w.mirror(onAMD64)
	w.settle(m)
	want := func(step string, attempts int) {
		t.Helper()
		reasons := map[digest.Digest]Reason{}
		for _, f := range m.Status().Failures {
			reasons[f.Digest] = f.Reason
			if f.Digest == broken && f.Attempts != attempts {
				t.Errorf("%s: tried %d times, not %d", step, f.Attempts, attempts)
			}
		}
		if reasons[broken] != Broken || reasons[other] != NoPlatform {
			t.Errorf("%s: reasons are %v\n%s", step, reasons, w.log)
		}
	}
	want("at first", 1)
	w.round(m)
	want("after a round", 1)
	stop()
	m, stop = w.mirror(onAMD64)
	w.settle(m)
	want("started again", 1)
	if n, err := m.Retry(&Target{"p", "app"}); n != 1 || err != nil {
		t.Errorf("retried %d, %v", n, err)
	}
	w.settle(m)
	want("when it was wanted", 1)
	stop()
	m, _ = w.mirror(func(o *Options) { onAMD64(o); o.Now = func() time.Time { return time.Now().Add(time.Hour) } })
	w.settle(m)
	want("an hour later", 2)
	w.fake.DeleteArtifact("p/app", "1")
	m.Mark(Target{"p", "app"})
	w.settle(m)
	if failures := m.Status().Failures; len(failures) != 1 {
		t.Errorf("after its deletion failures are %+v", failures)
	}
}

// TestHarborDown: while it does not answer nothing changes, and the work goes on after.
func TestHarborDown(t *testing.T) {
	w := newWorld(t)
	w.fake.AddProject(fakeharbor.Project{Name: "p"})
	first := w.fake.Push("p/app", "1", testImage(t, "first"))
	m, _ := w.mirror(onAMD64)
	w.settle(m)
	w.fake.SetCoreDown(true)
	m.Mark(Target{"p", "app"})
	m.MarkAll()
	for m.Status().Troubles == nil || len(m.Status().Troubles) == 0 {
		time.Sleep(time.Millisecond)
	}
	if trouble := m.Status().Troubles[0]; trouble.Where != "registry" || !strings.Contains(trouble.Error, "502") {
		t.Errorf("the trouble is %+v", trouble)
	}
	if !w.digests("p")[first] || len(w.names("p")) != 2 {
		t.Errorf("the store has changed: %v", w.names("p"))
	}
	second := w.fake.Push("p/app", "2", testImage(t, "second"))
	w.fake.SetCoreDown(false)
	w.settle(m)
	if !w.digests("p")[second] || len(m.Status().Troubles) != 0 {
		t.Errorf("objects are %v, troubles %+v", w.digests("p"), m.Status().Troubles)
	}
}

// TestNoRoom: a store without room is waited for, and nothing counts as broken.
func TestNoRoom(t *testing.T) {
	w := newWorld(t)
	w.fake.AddProject(fakeharbor.Project{Name: "p"})
	w.fake.Push("p/app", "1", testImage(t, "x"))
	m, _ := w.mirror(func(o *Options) { onAMD64(o); o.MinFreeBytes = 1 << 60 })
	for len(m.Status().Troubles) == 0 {
		time.Sleep(time.Millisecond)
	}
	s := m.Status()
	if s.Troubles[0].Where != "room" || len(s.Failures) != 0 || len(w.digests("p")) != 0 {
		t.Errorf("troubles are %+v, failures %+v", s.Troubles, s.Failures)
	}
}

// TestKept: what a job uses or somebody has cited outlives its deletion in the registry;
// what was used goes when it is not any more.
func TestKept(t *testing.T) {
	w := newWorld(t)
	w.fake.AddProject(fakeharbor.Project{Name: "p"})
	used, cited, elsewhere := w.fake.Push("p/app", "used", testImage(t, "used")), w.fake.Push("p/app", "cited", testImage(t, "cited")), w.fake.Push("p/app", "elsewhere", testImage(t, "elsewhere"))
	m, _ := w.mirror(func(o *Options) {
		onAMD64(o)
		o.Now = func() time.Time { return time.Now().Add(2 * nameless) } // so that what has no name is none too new
		o.Cited = func(_ context.Context, _ store.Place) (map[digest.Digest]bool, error) {
			return map[digest.Digest]bool{elsewhere: true}, nil
		}
	})
	w.settle(m)
	s := w.site("p")
	check(t, s.SetPin(store.Pin{Digest: cited, Reason: "Suzuki 2026"}))
	object, err := s.Get(used)
	check(t, err)
	file, err := s.OpenFile(object)
	check(t, err)
	lease, err := s.Lease(object, file, "job 1")
	check(t, err)
	dropBox := filepath.Join(w.root, "site", "leases", filepath.Base(lease.Name())) // where a member's would be
	check(t, os.Rename(lease.Name(), dropBox))
	for _, tag := range []string{"used", "cited", "elsewhere"} {
		w.fake.DeleteArtifact("p/app", tag)
	}
	m.Mark(Target{"p", "app"})
	w.settle(m)
	for what, digest := range map[string]digest.Digest{"in use": used, "cited": cited, "cited elsewhere": elsewhere} {
		if !w.digests("p")[digest] {
			t.Errorf("what is %s was removed", what)
		}
	}
	check(t, lease.Close())
	check(t, os.Remove(dropBox))
	w.round(m)
	if got := w.digests("p"); got[used] || !got[cited] || !got[elsewhere] {
		t.Errorf("when nothing uses it, there are %v", got)
	}
	check(t, s.RemovePin(cited))
	w.round(m)
	if got := w.digests("p"); got[cited] {
		t.Error("what is cited no more is still there")
	}
	m.o.UndeleteFor = 0
	check(t, m.Collect(t.Context()))
	if deleted, err := s.Deleted(); len(deleted) != 0 || err != nil {
		t.Errorf("deleted are %v, %v", deleted, err)
	}
}

// TestIsFull tells what may pass from what is wrong with an image.
func TestIsFull(t *testing.T) {
	for err, want := range map[error]bool{
		&os.PathError{Op: "write", Err: syscall.ENOSPC}: true, fmt.Errorf("x: %w", syscall.EDQUOT): true, errors.New("x"): false,
	} {
		if isFull(err) != want {
			t.Errorf("%v: %v", err, !want)
		}
	}
}
