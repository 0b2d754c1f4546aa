package image

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/store"
)

// TestRemovedMember: who has lost the right to an image is refused at the next job,
// and after that also by what was remembered, even when the registry is away.
func TestRemovedMember(t *testing.T) {
	h := newHarbor(t)
	p := h.memberProject(harbor.Metadata{})
	ref := h.ref(p + "/app:1")
	byDigest := h.ref(p + "/app@" + twoLayers("gzip").digest().String())
	st := openStore(t)
	grace := Options{OfflineGrace: time.Hour, Job: "1.pbs"}
	h.ensure(h.client(h.user, h.password, grace), st, ref)
	h.leave(p)
	grace.Job = "2.pbs"
	_, _, err := h.client(h.user, h.password, grace).Ensure(t.Context(), st, ref, nil)
	refusedWith(t, err, http.StatusUnauthorized)
	if h.fake == nil {
		return // it is not ours to stop
	}
	h.fake.Close()
	for name, policy := range map[string]Pull{"ask": PullAsk, "always": PullAlways, "missing": PullMissing, "never": PullNever} {
		for _, asked := range []Reference{ref, byDigest} {
			object, _, err := h.client(h.user, h.password, Options{OfflineGrace: time.Hour, Pull: policy}).Ensure(t.Context(), st, asked, nil)
			if err == nil {
				t.Errorf("--pull=%s: %s gave %s", name, asked, object.Path)
				continue
			}
			if f := wantFault(t, err); policy == PullNever && !strings.Contains(f.What, "has refused") {
				t.Errorf("--pull=never: %v", err)
			}
		}
	}
}

// TestPinnedAndRemoved: keeping an image for good does not keep the right to it.
func TestPinnedAndRemoved(t *testing.T) {
	h := newFakeHarbor(t)
	p := h.memberProject(harbor.Metadata{})
	ref := h.ref(p + "/app:1")
	st := openStore(t)
	object, _, err := h.client(h.user, h.password, Options{}).Ensure(t.Context(), st, ref, nil)
	h.check(err)
	h.check(st.SetPin(store.Pin{Digest: object.Digest, Reason: "thesis"}))
	never := h.client(h.user, h.password, Options{Pull: PullNever})
	h.ensure(never, st, ref)
	h.leave(p)
	_, _, err = h.client(h.user, h.password, Options{}).Ensure(t.Context(), st, ref, nil)
	refusedWith(t, err, http.StatusUnauthorized)
	if object, _, err := never.Ensure(t.Context(), st, ref, nil); err == nil {
		t.Errorf("got %s", object.Path)
	}
}

// TestNewMember: a right that was given holds at the next attempt, however soon
// after the last one, and in any job but the one that was refused.
func TestNewMember(t *testing.T) {
	for _, job := range []string{"", "2.pbs"} {
		t.Run("job "+job, func(t *testing.T) {
			h := newHarbor(t)
			p := h.project(harbor.Metadata{})
			ref := h.push(p+"/app", "1", twoLayers("gzip"))
			st := openStore(t)
			refuse := h.client(h.user, h.password, Options{Job: strings.Replace(job, "2", "1", 1)})
			_, _, err := refuse.Ensure(t.Context(), st, ref, nil)
			refusedWith(t, err, http.StatusUnauthorized)
			h.join(p)
			h.ensure(h.client(h.user, h.password, Options{Job: job}), st, ref)
			// And what was refused before is allowed offline from now on.
			h.ensure(h.client(h.user, h.password, Options{OfflineGrace: time.Hour, Pull: PullNever}), st, ref)
		})
	}
}

// TestRefusalIsTheJobs: the processes of a job are told what one of them was.
func TestRefusalIsTheJobs(t *testing.T) {
	h := newFakeHarbor(t)
	ref := h.push(h.project(harbor.Metadata{})+"/app", "1", twoLayers("gzip"))
	st := openStore(t)
	for i := range 5 {
		_, _, err := h.client(h.user, h.password, Options{Job: "1.pbs"}).Ensure(t.Context(), st, ref, nil)
		if f := wantFault(t, err); i > 0 && !strings.Contains(f.Why.Error(), "to another process") {
			t.Errorf("process %d: %v", i, err)
		}
		if n := len(h.requests()); i > 0 && n != 0 {
			t.Errorf("process %d asked %d times", i, n)
		}
	}
}

func refusedWith(t *testing.T, err error, status int) {
	t.Helper()
	if wantFault(t, err); httpStatus(err) != status || unreachable(err) {
		t.Fatalf("refused with %d: %v", httpStatus(err), err)
	}
}
