package mirror

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

var amd64, arm64 = store.Platform{OS: "linux", Architecture: "amd64"}, store.Platform{OS: "linux", Architecture: "arm64"}

func onAMD64(o *Options) { o.Platforms = []store.Platform{amd64} }

// TestFollowing: pushes, moved tags, deletions, one after the other.
func TestFollowing(t *testing.T) {
	w := newWorld(t)
	w.fake.AddProject(fakeharbor.Project{Name: "20260001"})
	first := w.fake.Push("20260001/team/app", "1", testImage(t, "first"))
	m, _ := w.mirror(onAMD64)
	w.settle(m)
	app := Target{"20260001", "team/app"}
	want := func(step string, objects map[digest.Digest]bool, names map[string]digest.Digest) {
		t.Helper()
		if diff := cmp.Diff(objects, w.digests("20260001")); diff != "" {
			t.Errorf("%s: objects (-want +got):\n%s%s", step, diff, w.log)
		}
		if diff := cmp.Diff(names, w.names("20260001")); diff != "" {
			t.Errorf("%s: names (-want +got):\n%s", step, diff)
		}
	}
	byDigest := func(d digest.Digest) string { return "20260001/team/app@" + d.String() }
	want("at the start", map[digest.Digest]bool{first: true}, map[string]digest.Digest{"20260001/team/app:1": first, byDigest(first): first})

	second := w.fake.Push("20260001/team/app", "1", testImage(t, "second"))
	m.Mark(app)
	w.settle(m)
	want("the tag has moved", map[digest.Digest]bool{first: true, second: true},
		map[string]digest.Digest{"20260001/team/app:1": second, byDigest(first): first, byDigest(second): second})

	w.fake.DeleteArtifact("20260001/team/app", first.String())
	m.Mark(app)
	w.settle(m)
	want("deleted", map[digest.Digest]bool{second: true}, map[string]digest.Digest{"20260001/team/app:1": second, byDigest(second): second})

	conversions := w.audited(`"image.convert"`)
	w.fake.Push("20260001/team/app", "old", testImage(t, "first"))
	m.Mark(app)
	w.settle(m)
	want("pushed again", map[digest.Digest]bool{first: true, second: true},
		map[string]digest.Digest{"20260001/team/app:1": second, "20260001/team/app:old": first, byDigest(first): first, byDigest(second): second})
	s := w.site("20260001")
	if deleted, err := s.Deleted(); err != nil || len(deleted) != 0 {
		t.Errorf("deleted are %v, %v: it was converted again instead of had back", deleted, err)
	}
	_ = conversions
}

// TestIndexes: of an index the images for the site's platforms are made, and a user
// finds them by the index's digest.
func TestIndexes(t *testing.T) {
	w := newWorld(t)
	w.fake.AddProject(fakeharbor.Project{Name: "p", Public: true})
	intel, arm := fakeharbor.Image(t, "intel", "amd64"), fakeharbor.Image(t, "arm", "arm64")
	index := v1.ImageIndex(empty.Index)
	for img, p := range map[v1.Image]v1.Platform{intel: {OS: "linux", Architecture: "amd64"}, arm: {OS: "linux", Architecture: "arm64"}, fakeharbor.Image(t, "power", "ppc64le"): {OS: "linux", Architecture: "ppc64le"}} {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &p}})
	}
	d := w.fake.PushIndex("p/app", "1", index)
	m, _ := w.mirror(func(o *Options) { o.Platforms = []store.Platform{amd64, arm64} })
	w.settle(m)
	want := map[digest.Digest]bool{digestOf(t, intel): true, digestOf(t, arm): true}
	if diff := cmp.Diff(want, w.digests("p")); diff != "" {
		t.Errorf("objects (-want +got):\n%s%s", diff, w.log)
	}
	s := w.site("p")
	for p, img := range map[store.Platform]v1.Image{amd64: intel, arm64: arm} {
		if got, err := s.Alias(d, p); got != digestOf(t, img) || err != nil {
			t.Errorf("%s: %s, %v", p, got, err)
		}
	}
	w.fake.DeleteArtifact("p/app", "1")
	m.Mark(Target{"p", "app"})
	w.settle(m)
	if left := w.digests("p"); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
}

func digestOf(t *testing.T, img v1.Image) digest.Digest {
	t.Helper()
	d, err := img.Digest()
	check(t, err)
	return digest.Digest(d.String())
}

func (w *world) site(project string) *store.Store {
	w.Helper()
	s, err := store.OpenSite(w.root, store.Place{Registry: w.fake.Host, Project: project})
	check(w, err)
	return s
}

// TestRoundAsksForLists: a round in which nothing has changed asks once for all projects,
// and for each twice: who belongs to it, and what is in it.
func TestRoundAsksForLists(t *testing.T) {
	w := newWorld(t)
	w.fake.AddProject(fakeharbor.Project{Name: "empty"})
	for _, project := range []string{"p", "q"} {
		w.fake.AddProject(fakeharbor.Project{Name: project})
		for i := range 4 {
			w.fake.Push(fmt.Sprintf("%s/app-%d", project, i), "1", fakeharbor.Image(t, fmt.Sprint(project, i), "amd64"))
		}
	}
	m, _ := w.mirror(onAMD64)
	w.settle(m)
	w.fake.TakeRequests()
	w.round(m)
	var got []string
	for _, r := range w.fake.TakeRequests() {
		got = append(got, strings.TrimPrefix(r.Path, "/api/v2.0"))
	}
	want := []string{"/projects", "/projects/p/members", "/projects/q/members", "/projects/p/artifacts", "/projects/q/artifacts"}
	if !slices.Equal(got, want) {
		t.Errorf("it asks for %q", got)
	}
}
