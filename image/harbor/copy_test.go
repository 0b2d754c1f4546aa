package harbor_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/opencontainers/go-digest"
)

func (tgt *target) pushIndex(repository, tag string, index v1.ImageIndex) digest.Digest {
	tgt.Helper()
	var options []name.Option
	if tgt.base.Scheme == "http" {
		options = append(options, name.Insecure)
	}
	ref := must(name.ParseReference(tgt.base.Host+"/"+repository+":"+tag, options...))
	tgt.check(remote.WriteIndex(ref, index, remote.WithAuth(&authn.Basic{Username: tgt.user, Password: tgt.password})))
	return digest.Digest(must(index.Digest()).String())
}

// tagsAt are the tags of an artifact, sorted; nil when it is not there.
func (tgt *target) tagsAt(project, repository string, d digest.Digest) []string {
	tgt.Helper()
	a, err := tgt.admin.Artifact(tgt.ctx(), project, repository, d.String())
	if harbor.Status(err) == http.StatusNotFound {
		return nil
	}
	tgt.check(err)
	tags := []string{}
	for _, t := range a.Tags {
		tags = append(tags, t.Name)
	}
	slices.Sort(tags)
	return tags
}

func TestCopyArtifact(t *testing.T) {
	tgt := newTarget(t)
	ctx := t.Context()
	from, to := tgt.newProject(harbor.NewProject{}), tgt.newProject(harbor.NewProject{StorageLimitBytes: 3000})
	d := tgt.push(from+"/cfd/app", "1")
	src := harbor.Source{Project: from, Repository: "cfd/app", Digest: d}
	tgt.check(tgt.admin.CopyArtifact(ctx, src, to, "from-a/app"))
	if got := tgt.tagsAt(to, "from-a/app", d); !slices.Equal(got, []string{"1"}) {
		t.Errorf("tags are %q", got)
	}
	if got := tgt.head(to+"/from-a/app", "1", tgt.user+":"+tgt.password); got.status != http.StatusOK || got.header.Get("Docker-Content-Digest") != d.String() {
		t.Errorf("the copy pulls %d", got.status)
	}
	tgt.check(tgt.admin.AddTag(ctx, from, "cfd/app", d.String(), "v2"))
	tgt.check(tgt.admin.CopyArtifact(ctx, src, to, "from-a/app"))
	if got := tgt.tagsAt(to, "from-a/app", d); !slices.Equal(got, []string{"1", "v2"}) {
		t.Errorf("copied again the tags are %q", got)
	}
	moved := tgt.push(from+"/cfd/app", "1")
	tgt.check(tgt.admin.CopyArtifact(ctx, harbor.Source{Project: from, Repository: "cfd/app", Digest: moved}, to, "from-a/app"))
	if got := tgt.tagsAt(to, "from-a/app", moved); !slices.Equal(got, []string{"1"}) {
		t.Errorf("the tag did not move: %q", got)
	}
	src.Digest = digest.FromString("none")
	tgt.wantStatus("a missing source", tgt.admin.CopyArtifact(ctx, src, to, "from-a/app"), http.StatusBadRequest)

	index := must(random.Index(900, 1, 2))
	multi := tgt.pushIndex(from+"/ix", "multi", index)
	a, err := tgt.admin.Artifact(ctx, from, "ix", "multi")
	tgt.check(err)
	if len(a.Children) != 2 {
		t.Fatalf("the index holds %+v", a.Children)
	}
	listed, err := harbor.All(tgt.admin.Artifacts(ctx, from, "ix"))
	tgt.check(err)
	if len(listed) != 1 {
		t.Errorf("listed are %d, with what the index holds", len(listed))
	}
	src = harbor.Source{Project: from, Repository: "ix", Digest: multi}
	tgt.wantStatus("what does not fit", tgt.admin.CopyArtifact(ctx, src, to, "from-a/ix"), http.StatusForbidden)
	p, err := tgt.admin.Project(ctx, to)
	tgt.check(err)
	quotas, err := harbor.All(tgt.admin.ProjectQuotas(ctx, p.ID))
	tgt.check(err)
	tgt.check(tgt.admin.UpdateQuota(ctx, quotas[0].ID, 1<<20))
	tgt.check(tgt.admin.CopyArtifact(ctx, src, to, "from-a/ix"))
	if _, err := tgt.admin.Artifact(ctx, to, "from-a/ix", a.Children[1].Digest.String()); err != nil {
		t.Errorf("what the index holds was not copied: %v", err)
	}
	tgt.wantStatus("what an index holds", tgt.admin.DeleteArtifact(ctx, from, "ix", a.Children[0].Digest.String()), http.StatusPreconditionFailed)
	tgt.check(tgt.admin.DeleteArtifact(ctx, from, "ix", multi.String()))
	if got := tgt.tagsAt(from, "ix", a.Children[0].Digest); got != nil {
		t.Error("what the index held is still there")
	}
	if got := tgt.tagsAt(to, "from-a/ix", multi); !slices.Equal(got, []string{"multi"}) {
		t.Errorf("the copy went with it: %q", got)
	}
}

func TestEnableRobot(t *testing.T) {
	tgt := newTarget(t)
	ctx := t.Context()
	name := tgt.newProject(harbor.NewProject{})
	tgt.push(name+"/app", "1")
	made, err := tgt.admin.CreateRobot(ctx, name, "nodes", harbor.Forever, harbor.PullOnly)
	tgt.check(err)
	tgt.check(tgt.admin.DisableRobot(ctx, made.ID))
	tgt.check(tgt.admin.EnableRobot(ctx, made.ID))
	if got := tgt.head(name+"/app", "1", made.Name+":"+made.Secret); got.status != http.StatusOK {
		t.Errorf("enabled again it pulls %d", got.status)
	}
}

func TestAddGroup(t *testing.T) {
	tgt := newTarget(t)
	ctx := t.Context()
	const dn = "cn=lab-tanaka,ou=groups,dc=univ,dc=example" // of the directory that the real one is tested with
	if tgt.fake != nil {
		tgt.fake.AddUser(fakeharbor.User{Name: "tanaka", Password: "x", Groups: []string{dn}})
	}
	p, q := tgt.newProject(harbor.NewProject{}), tgt.newProject(harbor.NewProject{})
	if _, err := tgt.admin.AddLDAPGroup(ctx, p, dn, harbor.Guest); err != nil {
		t.Skipf("this Harbor's directory has no such group: %v", err)
	}
	group := func(project string) harbor.Member {
		members, err := harbor.All(tgt.admin.Members(ctx, project))
		tgt.check(err)
		i := slices.IndexFunc(members, func(m harbor.Member) bool { return m.Kind == harbor.GroupMember })
		if i < 0 {
			t.Fatalf("members are %+v", members)
		}
		return members[i]
	}
	was := group(p)
	_, err := tgt.admin.AddGroup(ctx, q, was.Entity, harbor.Developer)
	tgt.check(err)
	if is := group(q); is.Name != was.Name || is.Entity != was.Entity || is.Role != harbor.Developer {
		t.Errorf("the member is %+v, was %+v", is, was)
	}
}
