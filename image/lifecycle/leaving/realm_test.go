package leaving

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

// TestSite is about the site's part of a real store: a job's image is in use, a pinned one
// stays, another project is left alone.
func TestSite(t *testing.T) {
	root := filepath.Join(t.TempDir(), "store")
	if err := store.InitSite(root); err != nil {
		t.Fatal(err)
	}
	const registry = "harbor.example.ac.jp"
	s := Site{Root: root, Registry: registry}
	if used, err := s.InUse(t.Context(), "none"); err != nil || len(used) > 0 {
		t.Errorf("of a project that is not there: %v, %v", used, err)
	}
	used, pinned, plain := digest.FromString("used"), digest.FromString("pinned"), digest.FromString("plain")
	put := func(project string, d digest.Digest) (*store.Store, store.Object) {
		realm, err := store.OpenSite(root, store.Place{Registry: registry, Project: project})
		if err != nil {
			t.Fatal(err)
		}
		p, err := realm.Create(t.Context(), d, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Abort()
		if _, err := p.File.WriteString("content"); err != nil {
			t.Fatal(err)
		}
		o, err := p.Commit(store.Meta{Reference: registry + "/" + project + "/app:1", Platform: store.Platform{OS: "linux", Architecture: "amd64"}, RawConfig: []byte(`{}`)})
		if err != nil {
			t.Fatal(err)
		}
		return realm, o
	}
	other, _ := put("other", plain)
	put("u001", plain)
	realm, _ := put("u001", pinned)
	if err := realm.SetPin(store.Pin{Digest: pinned, Reason: "a paper", Time: time.Now()}); err != nil {
		t.Fatal(err)
	}
	_, o := put("u001", used)
	o.Site = true
	user, err := store.Open(root, store.Options{SiteOwner: 12345})
	if err != nil {
		t.Fatal(err)
	}
	file, err := user.OpenFile(o)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lease, err := user.Lease(o, file, "job 1")
	if err != nil || lease == nil {
		t.Fatalf("no lease: %v", err)
	}
	got, err := s.InUse(t.Context(), "u001")
	if diff := cmp.Diff([]digest.Digest{used}, got); err != nil || diff != "" {
		t.Errorf("in use (-want +got):\n%s%v", diff, err)
	}
	lease.Close()
	kept, err := s.Clear(t.Context(), "u001")
	if diff := cmp.Diff([]digest.Digest{pinned}, kept); err != nil || diff != "" {
		t.Errorf("kept (-want +got):\n%s%v", diff, err)
	}
	left, err := realm.List()
	if err != nil || len(left) != 1 || left[0].Digest != pinned {
		t.Errorf("left are %v, %v", left, err)
	}
	if _, err := other.Get(plain); err != nil {
		t.Errorf("another project's image: %v", err)
	}
}
