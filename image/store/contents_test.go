package store

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
)

// TestRefresh: what was read before is the same as what is read anew, whatever has
// changed.
func TestRefresh(t *testing.T) {
	s := newStore(t)
	var c Contents
	same := func(step string) {
		t.Helper()
		check(t, s.Refresh(&c))
		var fresh Contents
		check(t, s.Refresh(&fresh))
		if diff := cmp.Diff(fresh.Objects, c.Objects); diff != "" {
			t.Errorf("%s: objects (-anew +again):\n%s", step, diff)
		}
		if diff := cmp.Diff(fresh.Refs(), c.Refs()); diff != "" {
			t.Errorf("%s: names (-anew +again):\n%s", step, diff)
		}
		if len(fresh.Aliases()) != len(c.Aliases()) || fresh.Size() != c.Size() {
			t.Errorf("%s: %d aliases and %d", step, len(fresh.Aliases()), len(c.Aliases()))
		}
	}
	same("an empty store")
	a, b := digest.FromString("a"), digest.FromString("b")
	put(t, s, a, "a")
	put(t, s, b, "b")
	check(t, s.SetRef(Ref{Name: "reg/app:1", Digest: a, Resolved: a}))
	check(t, s.SetAlias(digest.FromString("index"), testPlatform, b))
	same("filled")
	if len(c.Objects) != 2 || len(c.Refs()) != 1 || len(c.Aliases()) != 1 || c.Aliases()[0].Instance != b {
		t.Errorf("there are %v, %v, %v", c.Objects, c.Refs(), c.Aliases())
	}
	check(t, s.SetRef(Ref{Name: "reg/app:1", Digest: b, Resolved: b}))
	same("the name has moved")
	if c.Refs()[0].Digest != b {
		t.Error("the old digest is remembered")
	}
	check(t, os.WriteFile(filepath.Join(s.refsDir(), "broken.json"), []byte("{"), 0o600))
	check(t, os.Mkdir(filepath.Join(s.aliasesDir(), "dir"), 0o700))
	same("with what is none")
	if _, err := s.Retire(b); err != nil {
		t.Fatal(err)
	}
	same("retired")
	if len(c.Objects) != 1 || len(c.Refs()) != 0 || len(c.Aliases()) != 0 {
		t.Errorf("left are %v, %v, %v", c.Objects, c.Refs(), c.Aliases())
	}
}
