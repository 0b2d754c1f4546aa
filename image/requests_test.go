package image

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/harbor"
)

// TestOneRequest: a start with an image that is in the store is one request of
// Harbor, whoever asks; and none for all but the first process of a job.
func TestOneRequest(t *testing.T) {
	for _, robot := range []bool{false, true} {
		for _, job := range []string{"", "7.pbs"} {
			t.Run(fmt.Sprintf("robot %v, job %q", robot, job), func(t *testing.T) {
				h := newFakeHarbor(t)
				p := h.memberProject(harbor.Metadata{})
				user, password := h.user, h.password
				if robot {
					made := h.robot(p)
					user, password = made.Name, made.Secret
				}
				ref := h.ref(p + "/app:1")
				st := openStore(t)
				h.ensure(h.client(user, password, Options{}), st, ref)
				h.requests()
				h.ensure(h.client(user, password, Options{Job: job}), st, ref)
				want := []string{"HEAD /v2/" + p + "/app/manifests/1"}
				if diff := cmp.Diff(want, h.requests()); diff != "" {
					t.Errorf("requests of a warm start: %s", diff)
				}
				if job == "" {
					return
				}
				var others sync.WaitGroup
				for range 20 {
					client := h.client(user, password, Options{Job: job})
					others.Go(func() {
						if _, _, err := client.Ensure(t.Context(), st, ref, nil); err != nil {
							t.Error(err)
						}
					})
				}
				others.Wait()
				if asked := h.requests(); asked != nil {
					t.Errorf("the other processes of the job asked %v", asked)
				}
			})
		}
	}
}

// TestOneTokenOneRequest: where a token is wanted, as Harbor wants it of those who
// are not logged in, it is fetched first; the token service is remembered.
func TestOneTokenOneRequest(t *testing.T) {
	h := newFakeHarbor(t)
	ref := h.ref(h.memberProject(harbor.Metadata{Public: "true"}) + "/app:1")
	st := openStore(t)
	h.ensure(h.client("", "", Options{}), st, ref)
	h.requests()
	h.ensure(h.client("", "", Options{}), st, ref)
	want := []string{"GET /service/token", "HEAD /v2/" + placeOf(ref).Project + "/app/manifests/1"}
	if diff := cmp.Diff(want, h.requests()); diff != "" {
		t.Errorf("requests of a warm start: %s", diff)
	}
}
