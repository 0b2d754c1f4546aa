package image

import (
	"testing"

	"github.com/jrun-hpc/jrun/image/harbor"
)

// TestLockedAccount: a wrong password, tried by another program a moment before,
// keeps nobody out who has the right one: after one pause it is let in.
func TestLockedAccount(t *testing.T) {
	for _, warm := range []bool{false, true} {
		h := newHarbor(t)
		p := h.memberProject(harbor.Metadata{})
		ref := h.ref(p + "/app:1")
		st := openStore(t)
		if warm {
			h.ensure(h.client(h.user, h.password, Options{}), st, ref)
		} else { // the first login of all takes its time
			_, err := harbor.New(harbor.Options{Base: h.base, User: h.user, Password: h.password}).CurrentUser(t.Context())
			h.check(err)
		}
		h.requests()
		h.lockAccount()
		h.ensure(h.client(h.user, h.password, Options{Job: "1.pbs"}), st, ref)
		asked := h.requests()
		t.Logf("asked %q", asked)
		if h.fake != nil && warm && len(asked) > 7 { // the other program's is one of them
			t.Errorf("%d requests: %v", len(asked), asked)
		}
	}
}

// TestLockedAndNoRight: what comes after the pause is told apart as well.
func TestLockedAndNoRight(t *testing.T) {
	h := newFakeHarbor(t)
	ref := h.push(h.project(harbor.Metadata{})+"/app", "1", twoLayers("gzip"))
	_, err := harbor.New(harbor.Options{Base: h.base, User: h.user, Password: h.password}).CurrentUser(t.Context())
	h.check(err)
	h.lockAccount()
	_, _, err = h.client(h.user, h.password, Options{}).Ensure(t.Context(), openStore(t), ref, nil)
	refusedWith(t, err, 401)
	h.goldenMessageOf("not_a_member", asks{ref, h.user, h.password}, err)
}
