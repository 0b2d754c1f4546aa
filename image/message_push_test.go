package image

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/jrun-hpc/jrun/image/harbor"
)

// TestPushMessages: what can be wrong with a push only. jrun pushes nothing, so the
// refusal is another program's.
func TestPushMessages(t *testing.T) {
	for _, test := range []struct {
		name        string
		unreachable bool
		prepare     func(*harborTarget) (project string)
	}{
		{"quota", false, func(h *harborTarget) string {
			p := "jrun-test-quota"
			h.check(h.admin.CreateProject(h.Context(), harbor.NewProject{Name: p, StorageLimitBytes: 100}))
			h.Cleanup(func() { h.removeProject(p) })
			return p
		}},
		{"read-only", true, func(h *harborTarget) string {
			h.needsFake("all others would be locked out")
			p := h.project(harbor.Metadata{})
			h.fake.SetReadOnly(true)
			return p
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHarbor(t)
			p := test.prepare(h)
			a := asks{h.ref(p + "/app:1"), h.adminName, h.adminPassword}
			var said *transport.Error
			if err := h.tryPush(p+"/app", "1", twoLayers("gzip")); !errors.As(err, &said) {
				t.Fatalf("pushing: %v", err)
			}
			refusal := &RefusalError{StatusCode: said.StatusCode, Body: must(json.Marshal(map[string]any{"errors": said.Errors}))}

			c := h.client(a.user, a.password, Options{})
			asking, err := c.newAsking(a.ref, must(c.systemFor(a.ref.name)))
			h.check(err)
			d := harbor.Diagnose(t.Context(), harbor.Question{
				Client: must(asking.harbor()), Project: p, Repository: "app", Reference: "1",
				Method: http.MethodPut, Status: refusal.StatusCode, Body: refusal.Body, Timing: c.opts.harborTiming,
			})
			err = c.diagnosisFault(asking, d, refusal)
			if got := unreachable(err); got != test.unreachable {
				t.Errorf("unreachable is %v", got)
			}
			h.goldenMessage(a, err)
		})
	}
}
