package image

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/store"
)

// TestAtADigest follows an image whose tag has moved on: by its digest it can be
// had from the registry, and without one when it is pinned.
func TestAtADigest(t *testing.T) {
	reg := newRegistry(t)
	st := openStore(t)
	first, second := twoLayers("gzip"), twoLayers("zstd")
	ref := reg.push(t, "demo/kept", "1", first)
	if _, _, err := NewClient(Options{}).Ensure(t.Context(), st, ref, nil); err != nil {
		t.Fatal(err)
	}
	reg.push(t, "demo/kept", "1", second)
	if _, _, err := NewClient(Options{}).Ensure(t.Context(), st, ref, nil); err != nil {
		t.Fatal(err)
	}
	at, err := ref.At(first.digest())
	if err != nil || at.String() != ref.String()+"@"+first.digest().String() {
		t.Fatalf("%s at the digest is %s, %v", ref, at, err)
	}
	if again, err := at.At(second.digest()); err != nil || again.String() != at.String() {
		t.Errorf("a name with a digest has become %s, %v", again, err)
	}
	never := NewClient(Options{Pull: PullNever})
	if _, err := never.Resolve(t.Context(), st, at); err == nil {
		t.Error("an image that is not pinned was to be had without an answer that counts")
	}
	if err := st.SetPin(store.Pin{Digest: first.digest(), Reason: "figure 3", Time: time.Now()}); err != nil {
		t.Fatal(err)
	}
	reg.take()
	if r, err := never.Resolve(t.Context(), st, at); err != nil || r.Digest != first.digest() || r.How != FromStore {
		t.Errorf("pinned: %+v, %v", r, err)
	}
	elsewhere := mustParse(t, strings.Replace(at.String(), "demo/kept", "demo/other", 1))
	if _, err := never.Resolve(t.Context(), st, elsewhere); err == nil {
		t.Error("a pinned image was to be had as one of another repository")
	}
	if asked := reg.take(); len(asked) != 0 {
		t.Errorf("requests: %v", asked)
	}
	object, converted, err := NewClient(Options{}).Ensure(t.Context(), st, at, nil)
	if err != nil || converted || object.Digest != first.digest() {
		t.Errorf("by its digest: %s, converted %v, %v", object.Digest, converted, err)
	}
}

// TestFailuresOfAJob: one process of a job finds out for the others that an image
// is gone; who does not want to ask is not concerned.
func TestFailuresOfAJob(t *testing.T) {
	reg := newRegistry(t)
	st := openStore(t)
	ref := reg.push(t, "demo/gone", "1", twoLayers("gzip"))
	at, err := ref.At(twoLayers("zstd").digest())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := NewClient(Options{Job: "4711"}).Resolve(t.Context(), st, at)
		var status *StatusError
		if !errors.As(err, &status) || status.Status != http.StatusNotFound {
			t.Errorf("got %v, want one that says 404", err)
		}
	}
	if n := reg.count("HEAD "); n != 1 {
		t.Errorf("two processes of a job have asked %d times", n)
	}
	for range 2 {
		_, err = NewClient(Options{Job: "4711", Pull: PullNever}).Resolve(t.Context(), st, at)
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("with --pull=never: %v", err)
		}
	}
}

// TestAlwaysInAJobThatBeganOffline: an old answer that a job has settled is none
// for those of its processes that take only new ones.
func TestAlwaysInAJobThatBeganOffline(t *testing.T) {
	reg := newRegistry(t)
	st := openStore(t)
	ref := reg.push(t, "demo/app", "1", twoLayers("gzip"))
	resolve := func(job string, pull Pull) (Resolved, error) {
		return NewClient(Options{Job: job, Pull: pull, OfflineGrace: time.Hour, Warn: func(fault.Text) {}}).Resolve(t.Context(), st, ref)
	}
	if _, _, err := NewClient(Options{}).Ensure(t.Context(), st, ref, nil); err != nil {
		t.Fatal(err)
	}
	reg.take()
	old, err := resolve("1", PullAsk)
	if err != nil {
		t.Fatal(err)
	}
	reg.push(t, "demo/app", "1", twoLayers("zstd"))
	down := true
	reg.intercept = func(w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
		if down {
			w.WriteHeader(http.StatusBadGateway)
		}
		return down
	}
	if r, err := resolve("2", PullAsk); err != nil || r.How != FromOffline || r.Digest != old.Digest {
		t.Fatalf("offline: %+v, %v", r, err)
	}
	if r, err := resolve("2", PullAlways); err == nil {
		t.Errorf("--pull=always has taken an old answer: %+v", r)
	}
	down = false
	st.RemoveNote(failedNote, "2 "+ref.String()+" 1")
	reg.take()
	for range 2 {
		if r, err := resolve("2", PullAlways); err != nil || r.Digest == old.Digest {
			t.Errorf("--pull=always: %+v, %v", r, err)
		}
	}
	if n := reg.count("HEAD "); n != 1 {
		t.Errorf("two processes have asked the registry %d times", n)
	}
	if r, err := resolve("2", PullAsk); err != nil || r.Digest != old.Digest {
		t.Errorf("the job's own answer has changed: %+v, %v", r, err)
	}
}
