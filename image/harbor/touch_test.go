package harbor_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/opencontainers/go-digest"
)

// TestTouchManifest: it counts as a pull of what was named, which HEAD does not.
func TestTouchManifest(t *testing.T) {
	tgt := newTarget(t)
	ctx := t.Context()
	p := tgt.newProject(harbor.NewProject{})
	const repo = "cfd/app"
	d := tgt.push(p+"/"+repo, "1")
	pulled := func() time.Time {
		a, err := tgt.admin.Artifact(ctx, p, repo, d.String())
		tgt.check(err)
		return a.Pulled
	}
	if got := tgt.head(p+"/"+repo, d.String(), tgt.user+":"+tgt.password); got.status != http.StatusOK {
		t.Fatalf("HEAD: %d", got.status)
	}
	if at := pulled(); at.Year() > 1 {
		t.Fatalf("before, it was pulled at %v", at)
	}
	tgt.check(tgt.admin.TouchManifest(ctx, p, repo, d))
	tgt.eventually("the pull time is written", func() bool { return pulled().Year() > 1 })
	tgt.wantStatus("one that is not there", tgt.admin.TouchManifest(ctx, p, repo, digest.FromString("x")), http.StatusNotFound)
	if err := tgt.admin.TouchManifest(ctx, p, repo, "sha256:../x"); err == nil {
		t.Error("what is no digest was asked for")
	}
}

func TestClock(t *testing.T) {
	tgt := newTarget(t)
	at, err := tgt.admin.Clock(t.Context())
	tgt.check(err)
	if off := time.Since(at).Abs(); off > time.Hour {
		t.Errorf("its clock says %v", at)
	}
}

// pushIndex pushes an index of n images as the administrator.
func (tgt *target) pushIndex(repository, tag string, n int64) (index digest.Digest, children []digest.Digest) {
	tgt.Helper()
	idx := must(random.Index(256, 1, n))
	var options []name.Option
	if tgt.base.Scheme == "http" {
		options = append(options, name.Insecure)
	}
	ref := must(name.ParseReference(tgt.base.Host+"/"+repository+":"+tag, options...))
	transport := tgt.http.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	tgt.check(remote.WriteIndex(ref, idx, remote.WithAuth(&authn.Basic{Username: tgt.user, Password: tgt.password}), remote.WithTransport(transport)))
	for _, m := range must(idx.IndexManifest()).Manifests {
		children = append(children, digest.Digest(m.Digest.String()))
	}
	return digest.Digest(must(v1.ImageIndex.Digest(idx)).String()), children
}

// TestIndexes: the parts of an index are listed with it, and go with it unless they have
// a tag.
func TestIndexes(t *testing.T) {
	tgt := newTarget(t)
	ctx := t.Context()
	p := tgt.newProject(harbor.NewProject{})
	const repo = "app"
	index, children := tgt.pushIndex(p+"/"+repo, "1", 2)
	all, err := harbor.All(tgt.admin.Artifacts(ctx, p, repo))
	tgt.check(err)
	if len(all) != 1 || all[0].Digest != index {
		t.Fatalf("listed are %+v", all)
	}
	named := map[digest.Digest]bool{}
	for _, c := range all[0].Children {
		named[c.Digest] = true
	}
	if diff := cmp.Diff(map[digest.Digest]bool{children[0]: true, children[1]: true}, named); diff != "" {
		t.Errorf("its parts (-want +got):\n%s", diff)
	}
	tgt.check(tgt.admin.AddTag(ctx, p, repo, children[0].String(), "amd64"))
	all, err = harbor.All(tgt.admin.Artifacts(ctx, p, repo))
	tgt.check(err)
	if len(all) != 2 {
		t.Errorf("with a tag of a part there are %d", len(all))
	}
	tgt.check(tgt.admin.DeleteTag(ctx, p, repo, index.String(), "1"))
	all, err = harbor.All(tgt.admin.Artifacts(ctx, p, repo))
	tgt.check(err)
	if len(all) != 2 {
		t.Errorf("an index without a tag hides: %d", len(all))
	}
	tgt.wantStatus("a tag of another artifact", tgt.admin.DeleteTag(ctx, p, repo, index.String(), "amd64"), http.StatusNotFound)
	tgt.check(tgt.admin.DeleteArtifact(ctx, p, repo, index.String()))
	status := func(d digest.Digest) int { return tgt.head(p+"/"+repo, d.String(), tgt.user+":"+tgt.password).status }
	if one, two := status(children[0]), status(children[1]); one != http.StatusOK || two != http.StatusNotFound {
		t.Errorf("after the index, the part with a tag is %d, the one without is %d", one, two)
	}
}
