package harbor_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
)

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

// Lists begin with what is newest, so that they shift while one reads them.
func TestOrder(t *testing.T) {
	tgt := newTarget(t)
	ctx := t.Context()
	p := tgt.newProject(harbor.NewProject{})
	for _, tag := range []string{"1", "2", "3"} {
		tgt.push(p+"/app", tag)
	}
	tgt.check(tgt.admin.AddTag(ctx, p, "app", "1", "again"))
	tgt.push(p+"/later", "1")
	var got []string
	for a, err := range tgt.admin.Artifacts(ctx, p, "app") {
		tgt.check(err)
		for _, tag := range a.Tags {
			got = append(got, tag.Name)
		}
	}
	for r, err := range tgt.admin.Repositories(ctx, p) {
		tgt.check(err)
		got = append(got, strings.TrimPrefix(r.Name, p+"/"))
	}
	if diff := cmp.Diff([]string{"3", "2", "again", "1", "later", "app"}, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	tgt.wantStatus("a tag with a space", tgt.admin.AddTag(ctx, p, "app", "1", "a b"), http.StatusBadRequest)
}

// TestArtifactsOfAnIndex: what is in an index is listed only if it has a tag of its own,
// and can be asked for all the same.
func TestArtifactsOfAnIndex(t *testing.T) {
	tgt := newTarget(t)
	ctx := t.Context()
	p := tgt.newProject(harbor.NewProject{})
	index := must(random.Index(256, 1, 2))
	var options []name.Option
	if tgt.base.Scheme == "http" {
		options = append(options, name.Insecure)
	}
	ref := must(name.ParseReference(tgt.base.Host+"/"+p+"/app:1", options...))
	tgt.check(remote.WriteIndex(ref, index, remote.WithAuth(&authn.Basic{Username: tgt.user, Password: tgt.password})))
	list := func() int {
		all, err := harbor.All(tgt.admin.Artifacts(ctx, p, "app"))
		tgt.check(err)
		return len(all)
	}
	if n := list(); n != 1 {
		t.Errorf("%d artifacts are listed", n)
	}
	child := must(index.IndexManifest()).Manifests[0].Digest.String()
	if _, err := tgt.admin.Artifact(ctx, p, "app", child); err != nil {
		t.Error(err)
	}
	accessories, err := harbor.All(tgt.admin.Accessories(ctx, p, "app", child))
	if err != nil || len(accessories) != 0 {
		t.Errorf("accessories: %v, %v", accessories, err)
	}
	tgt.check(tgt.admin.AddTag(ctx, p, "app", child, "amd64"))
	if n := list(); n != 2 {
		t.Errorf("with a tag of its own, %d artifacts are listed", n)
	}
}

// TestProjectArtifacts: what all repositories of a project have, as each of them has it,
// over more than one page.
func TestProjectArtifacts(t *testing.T) {
	tgt := newTarget(t)
	ctx := t.Context()
	p := tgt.newProject(harbor.NewProject{})
	for range 101 {
		tgt.push(p+"/many", "latest")
	}
	index, _ := tgt.pushIndex(p+"/deep/index", "1", 2)
	tgt.push(p+"/app", "a")
	got, err := harbor.All(tgt.admin.ProjectArtifacts(ctx, p))
	tgt.check(err)
	want := map[string]harbor.Artifact{}
	for _, repository := range []string{"many", "deep/index", "app"} {
		for a, err := range tgt.admin.Artifacts(ctx, p, repository) {
			tgt.check(err)
			a.Repository = p + "/" + repository
			want[a.Digest.String()] = a
		}
	}
	found := map[string]harbor.Artifact{}
	for _, a := range got {
		found[a.Digest.String()] = a
	}
	if diff := cmp.Diff(want, found); diff != "" || len(got) != 103 {
		t.Errorf("%d artifacts (-by repository +by project):\n%s", len(got), diff)
	}
	if last := got[len(got)-1]; last.Repository != p+"/app" || got[len(got)-2].Digest != index {
		t.Errorf("the last is of %s", last.Repository)
	}
	_, err = harbor.All(tgt.admin.ProjectArtifacts(ctx, unique("none")))
	tgt.wantStatus("a missing project", err, http.StatusNotFound)
}

// TestProjectArtifactsOfOldHarbor: before 2.12 each repository is asked.
func TestProjectArtifactsOfOldHarbor(t *testing.T) {
	tgt := fakeTarget(t, fakeharbor.Options{NoProjectArtifacts: true})
	p := tgt.newProject(harbor.NewProject{})
	tgt.push(p+"/app", "a")
	tgt.push(p+"/deep/app", "a")
	var got []string
	for a, err := range tgt.admin.ProjectArtifacts(t.Context(), p) {
		tgt.check(err)
		got = append(got, a.Repository)
	}
	if diff := cmp.Diff([]string{p + "/app", p + "/deep/app"}, slices.Sorted(slices.Values(got))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err := harbor.All(tgt.admin.ProjectArtifacts(t.Context(), unique("none")))
	tgt.wantStatus("a missing project", err, http.StatusNotFound)
}

// TestProjectArtifactsChange: a list that grows shorter between two pages is read again.
func TestProjectArtifactsChange(t *testing.T) {
	pages := 0
	c, n := asking(t, harbor.Options{}, func(w http.ResponseWriter, r *http.Request) {
		pages++
		first, count, total := 1, 100, 150
		if pages > 1 { // one of the first page is gone
			total = 149
		}
		if r.URL.Query().Get("page") == "2" {
			first, count = 102, 49
		} else if pages > 1 {
			first = 2
		}
		var items []string
		for i := range count {
			items = append(items, fmt.Sprintf(`{"id":%d,"repository_name":"p/app"}`, first+i))
		}
		w.Header().Set("X-Total-Count", strconv.Itoa(total))
		_, _ = fmt.Fprintf(w, "[%s]", strings.Join(items, ","))
	})
	all, err := harbor.All(c.ProjectArtifacts(t.Context(), "p"))
	if err != nil || len(all) != 149 || n.Load() != 4 {
		t.Errorf("%d artifacts by %d requests: %v", len(all), n.Load(), err)
	}
}
