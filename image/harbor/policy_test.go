package harbor_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/jrun-hpc/jrun/image/harbor"
)

func TestRetention(t *testing.T) {
	tgt := newTarget(t)
	ctx := t.Context()
	name := tgt.newProject(harbor.NewProject{})
	p, err := tgt.admin.Project(ctx, name)
	tgt.check(err)
	for _, tag := range []string{"1", "2", "3"} {
		tgt.push(name+"/app", tag)
	}
	policy := harbor.NewRetention(p.ID, harbor.KeepTags(harbor.KeepLatest, 2))
	policy.ID, err = tgt.admin.CreateRetention(ctx, policy)
	tgt.check(err)
	_, err = tgt.admin.CreateRetention(ctx, policy)
	tgt.wantStatus("a second policy", err, http.StatusBadRequest)
	p, err = tgt.admin.Project(ctx, name)
	tgt.check(err)
	if p.Metadata.RetentionID != fmt.Sprint(policy.ID) {
		t.Errorf("the project's policy is %s, not %d", p.Metadata.RetentionID, policy.ID)
	}
	policy.Rules = []harbor.RetentionRule{harbor.KeepTags(harbor.KeepLatest, 1)}
	tgt.check(tgt.admin.UpdateRetention(ctx, policy))
	got, err := tgt.admin.Retention(ctx, policy.ID)
	tgt.check(err)
	if len(got.Rules) != 1 || got.Rules[0].Params[harbor.KeepLatest] != 1 || got.Scope.ProjectID != p.ID {
		t.Errorf("the policy is %+v", got)
	}
	count := func() int {
		all, err := harbor.All(tgt.admin.Artifacts(ctx, name, "app"))
		tgt.check(err)
		return len(all)
	}
	_, err = tgt.admin.TriggerRetention(ctx, policy.ID, true)
	tgt.check(err)
	if n := count(); n != 3 {
		t.Errorf("%d artifacts after a dry run", n)
	}
	run, err := tgt.admin.TriggerRetention(ctx, policy.ID, false)
	tgt.check(err)
	runs, err := harbor.All(tgt.admin.RetentionRuns(ctx, policy.ID))
	tgt.check(err)
	if len(runs) != 2 || runs[0].ID != run || runs[0].DryRun || runs[0].Status == "" {
		t.Errorf("runs are %+v", runs)
	}
	tgt.eventually("one artifact is left", func() bool { return count() == 1 })
	tgt.check(tgt.admin.DeleteRetention(ctx, policy.ID))
	p, err = tgt.admin.Project(ctx, name)
	tgt.check(err)
	if p.Metadata.RetentionID != "" {
		t.Errorf("the project's policy is still %s", p.Metadata.RetentionID)
	}
	_, err = tgt.admin.CreateRetention(ctx, policy)
	tgt.check(err)
}

// hearing is a receiver of webhooks.
type hearing struct {
	*httptest.Server
	mu     sync.Mutex
	events []string
}

func listen(t *testing.T) *hearing {
	t.Helper()
	h := &hearing{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var event struct {
			Type string `json:"type"`
			Data struct {
				Repository struct {
					Name string `json:"repo_full_name"`
				} `json:"repository"`
				Resources []struct {
					Tag string `json:"tag"`
				} `json:"resources"`
			} `json:"event_data"`
		}
		if json.NewDecoder(r.Body).Decode(&event) != nil || r.Header.Get("Authorization") != "key" || len(event.Data.Resources) > 1 {
			return
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		what := event.Type
		for _, r := range event.Data.Resources {
			what += " " + event.Data.Repository.Name + ":" + r.Tag
		}
		h.events = append(h.events, what)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hearing) heard(event string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Contains(h.events, event)
}

func TestWebhooks(t *testing.T) {
	tgt := newTarget(t)
	if !net.ParseIP(tgt.base.Hostname()).IsLoopback() {
		tgt.needsFake("it reaches a receiver on loopback")
	}
	ctx := t.Context()
	h := listen(t)
	p := tgt.newProject(harbor.NewProject{})
	w := harbor.Webhook{Name: "jadm", Enabled: true, Events: []string{harbor.EventPush, harbor.EventDelete}, Targets: []harbor.WebhookTarget{{Type: "http", Address: h.URL, AuthHeader: "key"}}}
	var err error
	w.ID, err = tgt.admin.CreateWebhook(ctx, p, w)
	tgt.check(err)
	tgt.push(p+"/app", "1")
	tgt.eventually("the push is heard of", func() bool { return h.heard("PUSH_ARTIFACT " + p + "/app:1") })
	all, err := harbor.All(tgt.admin.Webhooks(ctx, p))
	tgt.check(err)
	if diff := cmp.Diff([]harbor.Webhook{w}, all); diff != "" {
		t.Errorf("webhooks (-want +got):\n%s", diff)
	}
	w.Events = []string{harbor.EventDelete}
	tgt.check(tgt.admin.UpdateWebhook(ctx, p, w))
	tgt.push(p+"/app", "2")
	tgt.check(tgt.admin.DeleteArtifact(ctx, p, "app", "1"))
	tgt.eventually("the deletion is heard of", func() bool { return h.heard("DELETE_ARTIFACT " + p + "/app:1") })
	if h.heard("PUSH_ARTIFACT " + p + "/app:2") {
		t.Error("the push is heard of")
	}
	tgt.push(p+"/gone/soon", "3")
	tgt.check(tgt.admin.DeleteRepository(ctx, p, "gone/soon"))
	tgt.eventually("a repository's end is heard of", func() bool { return h.heard("DELETE_ARTIFACT " + p + "/gone/soon:3") })
	for name, wrong := range map[string]harbor.Webhook{
		"no such event": {Name: "a", Events: []string{"NONE"}, Targets: w.Targets},
		"no event":      {Name: "b", Targets: w.Targets},
		"no target":     {Name: "c", Events: w.Events},
		"a carrier":     {Name: "d", Events: w.Events, Targets: []harbor.WebhookTarget{{Type: "carrier", Address: h.URL}}},
	} {
		_, err := tgt.admin.CreateWebhook(ctx, p, wrong)
		tgt.wantStatus(name, err, http.StatusBadRequest)
	}
	tgt.eventually("the policy can be deleted", func() bool {
		err := tgt.admin.DeleteWebhook(ctx, p, w.ID)
		if harbor.Status(err) == http.StatusPreconditionFailed {
			return false // a delivery is under way, or Harbor believes so
		}
		tgt.check(err)
		return true
	})
	tgt.wantStatus("deleting it again", tgt.admin.DeleteWebhook(ctx, p, w.ID), http.StatusNotFound)
}

func TestQuotaWebhooks(t *testing.T) {
	tgt := newTarget(t)
	if !net.ParseIP(tgt.base.Hostname()).IsLoopback() {
		tgt.needsFake("it reaches a receiver on loopback")
	}
	h := listen(t)
	p := tgt.newProject(harbor.NewProject{StorageLimitBytes: 6000})
	_, err := tgt.admin.CreateWebhook(t.Context(), p, harbor.Webhook{
		Name: "quota", Enabled: true, Events: []string{harbor.EventQuotaNear, harbor.EventQuotaFull},
		Targets: []harbor.WebhookTarget{{Type: "http", Address: h.URL, AuthHeader: "key"}},
	})
	tgt.check(err)
	tgt.push(p+"/app", "1")
	if err := tgt.pushAs(p+"/app", "2", must(random.Image(3500, 1)), tgt.user, tgt.password); err != nil {
		t.Error(err)
	}
	tgt.eventually("a warning is heard", func() bool { return h.heard(harbor.EventQuotaNear) })
	if err := tgt.pushAs(p+"/app", "3", must(random.Image(3500, 1)), tgt.user, tgt.password); err == nil {
		t.Error("there is no quota")
	}
	tgt.eventually("the refusal is heard of", func() bool { return h.heard(harbor.EventQuotaFull) })
}
