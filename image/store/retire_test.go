package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
)

func TestRetire(t *testing.T) {
	s := newStore(t)
	o := put(t, s, digest.FromString("an image"), "an image")
	index := digest.FromString("index")
	if err := errors.Join(s.SetRef(Ref{Name: "reg.example/p/app:1", Digest: o.Digest, Resolved: index}), s.SetAlias(index, testPlatform, o.Digest)); err != nil {
		t.Fatal(err)
	}
	aliases, err := s.Aliases()
	if err != nil || len(aliases) != 1 || aliases[0].Index != index || aliases[0].Instance != o.Digest || !aliases[0].Is(testPlatform) {
		t.Fatalf("aliases are %+v, %v", aliases, err)
	}
	file, err := s.OpenFile(o)
	if err != nil {
		t.Fatal(err)
	}
	if file, err = s.Lease(o, file, "a job"); err != nil {
		t.Fatal(err)
	}
	if kept, err := s.Retire(o.Digest); !kept || err != nil {
		t.Fatalf("one in use: kept %v, error %v", kept, err)
	}
	if refs, _ := s.RefsOf(o.Digest); len(refs) != 1 {
		t.Error("the name of one in use is gone")
	}
	check(t, file.Close())
	check(t, os.Remove(namesIn(s.own.leases(), "", leaseSuffix)[0])) // the job's process would have ended
	if kept, err := s.Retire(o.Digest); kept || err != nil {
		t.Fatalf("kept %v, error %v", kept, err)
	}
	refs, _ := s.RefsOf(o.Digest)
	aliases, _ = s.Aliases()
	if _, err := s.Get(o.Digest); !errors.Is(err, ErrNotFound) || len(refs)+len(aliases) != 0 {
		t.Errorf("it is still there: %v, %d names, %d aliases", err, len(refs), len(aliases))
	}
	if _, err := s.Retire(o.Digest); !errors.Is(err, ErrNotFound) {
		t.Errorf("again: %v", err)
	}
	if err := s.Undelete(o.Digest); err != nil {
		t.Fatalf("it cannot be had back: %v", err)
	}
}

// TestFindAlias: a member finds which manifest of an index the site has, and takes no
// such answer from a file that others could have written.
func TestFindAlias(t *testing.T) {
	root := t.TempDir()
	place := Place{Registry: "reg.example", Project: "p"}
	if err := InitSite(root); err != nil {
		t.Fatal(err)
	}
	service, err := OpenSite(root, place)
	if err != nil {
		t.Fatal(err)
	}
	index, instance := digest.FromString("index"), digest.FromString("instance")
	if err := service.SetAlias(index, testPlatform, instance); err != nil {
		t.Fatal(err)
	}
	member, err := Open(root, Options{})
	if err != nil {
		t.Fatal(err)
	}
	member.site = &site{dir: filepath.Join(root, "site"), owner: os.Getuid()} // who runs this may be root
	got, err := member.FindAlias(place, index, testPlatform)
	if diff := cmp.Diff(instance, got); diff != "" || err != nil {
		t.Errorf("(-want +got): %s%v", diff, err)
	}
	if _, err := member.FindAlias(Place{Registry: "reg.example", Project: "other"}, index, testPlatform); !errors.Is(err, ErrNotFound) {
		t.Errorf("of another project: %v", err)
	}
	if err := os.Chmod(filepath.Join(service.Realm(), "aliases"), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := member.FindAlias(place, index, testPlatform); !errors.Is(err, ErrNotFound) {
		t.Errorf("from a directory that all may write: %v", err)
	}
}
