package harbor_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/jrun-hpc/jrun/image/harbor"
)

// wantStatus checks a refusal.
func (tgt *target) wantStatus(what string, err error, status int) {
	tgt.Helper()
	if harbor.Status(err) != status {
		tgt.Errorf("%s: not %d but %v", what, status, err)
	}
}

func TestProjects(t *testing.T) {
	tgt := newTarget(t)
	ctx := t.Context()
	name := tgt.newProject(harbor.NewProject{Metadata: harbor.Metadata{Public: "true"}, StorageLimitBytes: 1 << 20})
	p, err := tgt.admin.Project(ctx, name)
	tgt.check(err)
	if p.Name != name || p.ID == 0 || p.Metadata.Public != "true" || p.Created.IsZero() {
		t.Errorf("the project is %+v", p)
	}
	tgt.wantStatus("a second of the same name", tgt.admin.CreateProject(ctx, harbor.NewProject{Name: name}), http.StatusConflict)
	tgt.check(tgt.admin.UpdateMetadata(ctx, name, harbor.Metadata{PreventVulnerable: "true", Severity: "high"}))
	p, err = tgt.admin.Project(ctx, name)
	tgt.check(err)
	if p.Metadata.Severity != "high" || p.Metadata.PreventVulnerable != "true" || p.Metadata.Public != "true" {
		t.Errorf("the rules are %+v", p.Metadata)
	}
	found, err := harbor.All(tgt.admin.Projects(ctx, name))
	tgt.check(err)
	if len(found) != 1 || found[0].ID != p.ID {
		t.Errorf("found %+v", found)
	}

	tgt.push(name+"/app", "1")
	s, err := tgt.admin.Summary(ctx, name)
	tgt.check(err)
	if s.Repositories != 1 || s.Quota == nil || s.Quota.Hard.StorageBytes != 1<<20 || s.Quota.Used.StorageBytes < 512 || s.Quota.Left() != s.Quota.Hard.StorageBytes-s.Quota.Used.StorageBytes {
		t.Errorf("the summary is %+v %+v", s, s.Quota)
	}
	tgt.wantStatus("deleting what is not empty", tgt.admin.DeleteProject(ctx, name), http.StatusPreconditionFailed)
	tgt.check(tgt.admin.DeleteRepository(ctx, name, "app"))
	tgt.check(tgt.admin.DeleteProject(ctx, name))
	_, err = tgt.admin.Project(ctx, name)
	tgt.wantStatus("a missing project, for an administrator", err, http.StatusNotFound)
	user, password := tgt.newUser()
	_, err = tgt.client(user, password).Project(ctx, name)
	tgt.wantStatus("a missing project, for others", err, http.StatusForbidden)
}

// TestNumericProject is about students' numbers, which must not be ids.
func TestNumericProject(t *testing.T) {
	tgt := newTarget(t)
	first := tgt.newProject(harbor.NewProject{})
	p, err := tgt.admin.Project(t.Context(), first)
	tgt.check(err)
	number := fmt.Sprint(p.ID)
	_, err = tgt.admin.Project(t.Context(), number)
	tgt.wantStatus("a number that is an id", err, http.StatusNotFound)
	tgt.newProject(harbor.NewProject{Name: number})
	p, err = tgt.admin.Project(t.Context(), number)
	tgt.check(err)
	if p.Name != number {
		t.Errorf("project %s is %+v", number, p)
	}
	tgt.push(number+"/app", "1")
	if _, err := tgt.admin.Artifact(t.Context(), number, "app", "1"); err != nil {
		t.Error(err)
	}
	tgt.check(tgt.admin.DeleteRepository(t.Context(), number, "app"))
	if got := tgt.ask(http.MethodGet, "/api/v2.0/projects/"+number, tgt.user+":"+tgt.password); got.status != http.StatusOK || !slices.Contains(names(tgt, "["+string(got.body)+"]"), first) {
		t.Errorf("without the header it is %d %s", got.status, got.body)
	}
}

// names reads the names of a list.
func names(tgt *target, list string) []string {
	tgt.Helper()
	var items []struct {
		Name string `json:"name"`
	}
	tgt.check(json.Unmarshal([]byte(list), &items))
	var all []string
	for _, item := range items {
		all = append(all, item.Name)
	}
	return all
}

func TestQuotas(t *testing.T) {
	tgt := newTarget(t)
	ctx := t.Context()
	name := tgt.newProject(harbor.NewProject{StorageLimitBytes: 1 << 20})
	p, err := tgt.admin.Project(ctx, name)
	tgt.check(err)
	one := func() harbor.Quota {
		q, err := harbor.All(tgt.admin.ProjectQuotas(ctx, p.ID))
		tgt.check(err)
		if len(q) != 1 {
			t.Fatalf("quotas are %+v", q)
		}
		return q[0]
	}
	q := one()
	if q.Hard.StorageBytes != 1<<20 || q.Ref.Project != name || q.Left() != 1<<20 {
		t.Errorf("the quota is %+v", q)
	}
	tgt.check(tgt.admin.UpdateQuota(ctx, q.ID, -1))
	if q = one(); q.Left() != -1 {
		t.Errorf("the quota is %+v", q)
	}
	found := false
	for q, err := range tgt.admin.Quotas(ctx) {
		tgt.check(err)
		found = found || q.Ref.ProjectID == p.ID
	}
	if !found {
		t.Error("it is not among all")
	}
}
