package harbor_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
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

func TestMembers(t *testing.T) {
	tgt := newTarget(t)
	ctx := t.Context()
	p := tgt.newProject(harbor.NewProject{})
	user, password := tgt.newUser()
	id, err := tgt.admin.AddUser(ctx, p, user, harbor.Guest)
	tgt.check(err)
	role := func() harbor.Role {
		for m, err := range tgt.admin.Members(ctx, p) {
			tgt.check(err)
			if m.ID == id && m.Name == user && m.Kind == harbor.UserMember {
				return m.Role
			}
		}
		return 0
	}
	if got := role(); got != harbor.Guest {
		t.Errorf("the role is %v", got)
	}
	tgt.check(tgt.admin.UpdateMember(ctx, p, id, harbor.Maintainer))
	if got := role(); got != harbor.Maintainer {
		t.Errorf("the role is %v", got)
	}
	_, err = tgt.admin.AddUser(ctx, p, user, harbor.Guest)
	tgt.wantStatus("adding twice", err, http.StatusConflict)
	_, err = tgt.admin.AddUser(ctx, p, unique("nobody"), harbor.Guest)
	tgt.wantStatus("adding nobody", err, http.StatusNotFound)
	_, err = tgt.client(user, password).AddUser(ctx, p, user, harbor.ProjectAdmin)
	tgt.wantStatus("adding without the right", err, http.StatusForbidden)
	tgt.check(tgt.admin.RemoveMember(ctx, p, id))
	if got := role(); got != 0 {
		t.Errorf("the role is %v", got)
	}
	me, err := tgt.client(user, password).CurrentUser(ctx)
	tgt.check(err)
	if me.Name != user || me.ID == 0 || me.Admin {
		t.Errorf("the user is %+v", me)
	}
	found, err := tgt.client(user, password).SearchUsers(ctx, user)
	tgt.check(err)
	if len(found) != 1 || found[0].ID != me.ID {
		t.Errorf("found %+v", found)
	}
	all, err := harbor.All(tgt.admin.Users(ctx))
	tgt.check(err)
	if !slices.ContainsFunc(all, func(u harbor.User) bool { return u.ID == me.ID }) {
		t.Errorf("users are %+v", all)
	}
}

func TestDirectory(t *testing.T) {
	tgt := fakeTarget(t, fakeharbor.Options{})
	ctx := t.Context()
	const dn = "cn=cfd,ou=groups,dc=example"
	tgt.fake.AddUser(fakeharbor.User{Name: "Mori", Password: "x", Groups: []string{dn}, Email: "m@example.org"})
	tgt.fake.AddUser(fakeharbor.User{Name: "other", Password: "x", Email: "m@example.org"})
	p := tgt.newProject(harbor.NewProject{})
	tgt.push(p+"/app", "1")
	if got := tgt.head(p+"/app", "1", "mori:x"); got.status != http.StatusUnauthorized {
		t.Errorf("without a group it is %d", got.status)
	}
	_, err := tgt.admin.AddLDAPGroup(ctx, p, dn, harbor.LimitedGuest)
	tgt.check(err)
	if got := tgt.head(p+"/app", "1", "mori:x"); got.status != http.StatusOK {
		t.Errorf("by a group it is %d", got.status)
	}
	_, err = tgt.admin.AddLDAPGroup(ctx, p, "cn=none", harbor.Guest)
	tgt.wantStatus("an unknown group", err, http.StatusInternalServerError)
	_, err = tgt.admin.AddUser(ctx, p, "mori", harbor.Developer)
	tgt.check(err)
	members, err := harbor.All(tgt.admin.Members(ctx, p))
	tgt.check(err)
	if !slices.ContainsFunc(members, func(m harbor.Member) bool { return m.Name == "Mori" }) {
		t.Errorf("the name's case is not the directory's: %+v", members)
	}
	_, err = tgt.admin.AddUser(ctx, p, "other", harbor.Guest)
	tgt.wantStatus("the same mail address", err, http.StatusConflict)
}

func TestArtifacts(t *testing.T) {
	tgt := newTarget(t)
	ctx := t.Context()
	p := tgt.newProject(harbor.NewProject{})
	const repo = "cfd/app"
	d := tgt.push(p+"/"+repo, "1")
	tgt.check(tgt.admin.AddTag(ctx, p, repo, d.String(), "latest"))
	tgt.wantStatus("a tag that exists", tgt.admin.AddTag(ctx, p, repo, "1", "latest"), http.StatusConflict)
	a, err := tgt.admin.Artifact(ctx, p, repo, "latest")
	tgt.check(err)
	var tags []string
	for _, tag := range a.Tags {
		tags = append(tags, tag.Name)
	}
	slices.Sort(tags)
	if a.Digest != d || !slices.Equal(tags, []string{"1", "latest"}) || a.SizeBytes < 512 || a.MediaType == "" || !a.Pulled.IsZero() && a.Pulled.Year() > 1 {
		t.Errorf("the artifact is %+v", a)
	}
	tgt.check(tgt.admin.DeleteTag(ctx, p, repo, d.String(), "1"))
	tgt.check(tgt.admin.DeleteTag(ctx, p, repo, d.String(), "latest"))
	if got := tgt.head(p+"/"+repo, d.String(), tgt.user+":"+tgt.password); got.status != http.StatusOK {
		t.Errorf("without a tag it is %d", got.status)
	}
	all, err := harbor.All(tgt.admin.Artifacts(ctx, p, repo))
	tgt.check(err)
	if len(all) != 1 || len(all[0].Tags) != 0 {
		t.Errorf("artifacts are %+v", all)
	}
	repos, err := harbor.All(tgt.admin.Repositories(ctx, p))
	tgt.check(err)
	if len(repos) != 1 || repos[0].Name != p+"/"+repo {
		t.Errorf("repositories are %+v", repos)
	}
	r, err := tgt.admin.Repository(ctx, p, repo)
	tgt.check(err)
	if r.ID != repos[0].ID || r.Artifacts != 1 {
		t.Errorf("the repository is %+v", r)
	}
	tgt.check(tgt.admin.DeleteArtifact(ctx, p, repo, d.String()))
	if got := tgt.head(p+"/"+repo, d.String(), tgt.user+":"+tgt.password); got.status != http.StatusNotFound {
		t.Errorf("deleted it is %d", got.status)
	}
	none, err := harbor.All(tgt.admin.Artifacts(ctx, p, "none"))
	if err != nil || len(none) != 0 {
		t.Errorf("artifacts of nothing: %v, %v", none, err)
	}
}

func TestVulnerabilities(t *testing.T) {
	tgt := fakeTarget(t, fakeharbor.Options{})
	ctx := t.Context()
	tgt.fake.AddProject(fakeharbor.Project{Name: "none", NoScanner: true})
	for _, p := range []string{"none", tgt.newProject(harbor.NewProject{Name: "p"})} {
		tgt.push(p+"/app", "1")
	}
	_, err := tgt.admin.Vulnerabilities(ctx, "none", "app", "1")
	if !errors.Is(err, harbor.ErrNoScanner) {
		t.Errorf("without a scanner: %v", err)
	}
	tgt.wantStatus("scanning without a scanner", tgt.admin.Scan(ctx, "none", "app", "1"), http.StatusPreconditionFailed)
	_, err = tgt.admin.Vulnerabilities(ctx, "p", "app", "none")
	if errors.Is(err, harbor.ErrNoScanner) || harbor.Status(err) != http.StatusNotFound {
		t.Errorf("without an artifact: %v", err)
	}
	if _, err := tgt.admin.Vulnerabilities(ctx, "p", "app", "1"); !errors.Is(err, harbor.ErrNotScanned) {
		t.Errorf("without a scan: %v", err)
	}
	tgt.check(tgt.admin.Scan(ctx, "p", "app", "1"))
	a, err := tgt.admin.Artifact(ctx, "p", "app", "1")
	tgt.check(err)
	if s := a.Scan(); s == nil || s.Status != harbor.ScanStatusPending {
		t.Errorf("the scan is %+v", s)
	}
	tgt.fake.SetScan("p/app", "1", &fakeharbor.Scan{Vulnerabilities: []fakeharbor.Vulnerability{{ID: "CVE-1", Package: "xz", Version: "5", FixVersion: "6", Severity: "High"}}})
	r, err := tgt.admin.Vulnerabilities(ctx, "p", "app", "1")
	tgt.check(err)
	want := []harbor.Vulnerability{{ID: "CVE-1", Package: "xz", Version: "5", FixVersion: "6", Severity: "High"}}
	if diff := cmp.Diff(want, r.Vulnerabilities); diff != "" || r.Severity != "High" || r.Generated.IsZero() {
		t.Errorf("the report is %+v (-want +got):\n%s", r, diff)
	}
}

func TestSigned(t *testing.T) {
	tgt := fakeTarget(t, fakeharbor.Options{})
	ctx := t.Context()
	p := tgt.newProject(harbor.NewProject{Metadata: harbor.Metadata{ContentTrustCosign: "true"}})
	d := tgt.push(p+"/app", "1")
	auth := tgt.user + ":" + tgt.password
	if got := tgt.head(p+"/app", "1", auth); got.status != http.StatusPreconditionFailed {
		t.Errorf("unsigned it is %d", got.status)
	}
	sig := tgt.fake.Sign(p+"/app", "1")
	if got := tgt.head(p+"/app", "1", auth); got.status != http.StatusOK {
		t.Errorf("signed it is %d", got.status)
	}
	a, err := tgt.admin.Artifact(ctx, p, "app", "1")
	tgt.check(err)
	if !a.Signed(harbor.CosignSignature) || a.Signed(harbor.NotationSignature) {
		t.Errorf("accessories are %+v", a.Accessories)
	}
	acc, err := harbor.All(tgt.admin.Accessories(ctx, p, "app", "1"))
	tgt.check(err)
	if len(acc) != 1 || acc[0].Digest != sig || acc[0].Subject != d || acc[0].Type != harbor.CosignSignature {
		t.Errorf("accessories are %+v", acc)
	}
	all, err := harbor.All(tgt.admin.Artifacts(ctx, p, "app"))
	if err != nil || len(all) != 1 {
		t.Errorf("%d artifacts, %v", len(all), err)
	}
}

func TestRobots(t *testing.T) {
	tgt := newTarget(t)
	ctx := t.Context()
	name := tgt.newProject(harbor.NewProject{})
	p, err := tgt.admin.Project(ctx, name)
	tgt.check(err)
	tgt.push(name+"/app", "1")
	made, err := tgt.admin.CreateRobot(ctx, name, "nodes", 30, harbor.PullOnly)
	tgt.check(err)
	if made.Name != "robot$"+name+"+nodes" || made.Secret == "" {
		t.Errorf("the robot is %+v", made)
	}
	_, err = tgt.admin.CreateRobot(ctx, name, "nodes", 30, harbor.PullOnly)
	tgt.wantStatus("a second of the same name", err, http.StatusConflict)
	_, err = tgt.admin.CreateRobot(ctx, name, "short", 0, harbor.PullOnly)
	tgt.wantStatus("a robot for no time", err, http.StatusBadRequest)
	if got := tgt.head(name+"/app", "1", made.Name+":"+made.Secret); got.status != http.StatusOK {
		t.Errorf("it pulls %d", got.status)
	}
	robot := tgt.client(made.Name, made.Secret)
	_, err = robot.CurrentUser(ctx)
	tgt.wantStatus("who a robot is", err, http.StatusPreconditionFailed)
	_, err = robot.Artifact(ctx, name, "app", "1")
	tgt.wantStatus("the API for a pull-only robot", err, http.StatusForbidden)

	secret, err := tgt.admin.RefreshSecret(ctx, made.ID)
	tgt.check(err)
	if got := tgt.head(name+"/app", "1", made.Name+":"+secret); got.status != http.StatusOK {
		t.Errorf("with the new secret it pulls %d", got.status)
	}
	token, _ := tgt.token(name+"/app", made.Name+":"+secret)
	tgt.check(tgt.admin.DisableRobot(ctx, made.ID))
	robots, err := harbor.All(tgt.admin.Robots(ctx, p.ID))
	tgt.check(err)
	if len(robots) != 1 || !robots[0].Disabled || robots[0].Days != 30 || robots[0].Expired(time.Now()) || !robots[0].Expired(time.Now().AddDate(0, 0, 31)) {
		t.Errorf("robots are %+v", robots)
	}
	if diff := cmp.Diff([]harbor.Permission{{Kind: "project", Project: name, Access: harbor.PullOnly}}, robots[0].Permissions); diff != "" {
		t.Errorf("its rights (-want +got):\n%s", diff)
	}
	if got := tgt.head(name+"/app", "1", made.Name+":"+secret); got.status != http.StatusUnauthorized {
		t.Errorf("disabled it pulls %d", got.status)
	}
	if got := tgt.head(name+"/app", "1", "Bearer "+token); got.status != http.StatusOK {
		t.Errorf("with its token it pulls %d", got.status)
	}
	tgt.check(tgt.admin.DeleteRobot(ctx, made.ID))
	tgt.wantStatus("a deleted robot", tgt.admin.DeleteRobot(ctx, made.ID), http.StatusNotFound)
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
		if json.NewDecoder(r.Body).Decode(&event) != nil || r.Header.Get("Authorization") != "key" || len(event.Data.Resources) != 1 {
			return
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.events = append(h.events, event.Type+" "+event.Data.Repository.Name+":"+event.Data.Resources[0].Tag)
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
	tgt.needsFake("it reaches a receiver on loopback")
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
	tgt.eventually("the deletion is heard of", func() bool { return h.heard("DELETE_ARTIFACT " + p + "/app:") })
	if h.heard("PUSH_ARTIFACT " + p + "/app:2") {
		t.Error("the push is heard of")
	}
	tgt.check(tgt.admin.DeleteWebhook(ctx, p, w.ID))
	tgt.wantStatus("deleting it again", tgt.admin.DeleteWebhook(ctx, p, w.ID), http.StatusNotFound)
}

func TestHealth(t *testing.T) {
	tgt := newTarget(t)
	h, err := tgt.client("", "").Health(t.Context())
	tgt.check(err)
	if h.Status != "healthy" || h.Unhealthy("database") || h.Unhealthy("none") || len(h.Components) < 5 {
		t.Errorf("health is %+v", h)
	}
	info, err := tgt.admin.SystemInfo(t.Context())
	tgt.check(err)
	if info.AuthMode == "" || info.Version == "" || info.ReadOnly {
		t.Errorf("it says %+v", info)
	}
	info, err = tgt.client("", "").SystemInfo(t.Context())
	tgt.check(err)
	if info.AuthMode == "" || info.Version != "" {
		t.Errorf("it says to nobody %+v", info)
	}
}
