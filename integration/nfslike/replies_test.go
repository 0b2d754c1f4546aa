package nfslike

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"
)

func exclusive(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err == nil {
		f.Close()
	}
	return err
}

func TestLostReplies(t *testing.T) {
	l := newLab(t, Options{LostReplies: 1, AttrDelay: time.Hour})
	l.write(l.a, "f", "x") // a create that is not exclusive can be repeated
	is(t, exclusive(l.a.path("excl")), syscall.EEXIST)
	is(t, os.Mkdir(l.a.path("dir"), 0o750), syscall.EEXIST)
	is(t, os.Symlink("f", l.a.path("symlink")), syscall.EEXIST)
	is(t, os.Link(l.a.path("f"), l.a.path("link")), syscall.EEXIST)
	info, err := os.Stat(l.a.path("f"))
	must(t, err)
	if links := info.Sys().(*syscall.Stat_t).Nlink; links != 2 {
		t.Errorf("the node that linked sees %d links", links)
	}
	for _, n := range []*Node{l.a, l.b} {
		for _, name := range []string{"excl", "dir", "symlink", "link"} {
			if !exists(n.path(name)) {
				t.Errorf("%s was not made", name)
			}
		}
	}
	if info, err := os.Stat(l.b.path("excl")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the created file has mode %v (%v)", info.Mode(), err)
	}
	is(t, os.Rename(l.a.path("f"), l.a.path("link2")), syscall.ENOENT)
	if exists(l.a.path("f")) || !exists(l.a.path("link2")) {
		t.Error("the rename did not take effect")
	}
	is(t, syscall.Unlink(l.a.path("link")), syscall.ENOENT)
	is(t, syscall.Rmdir(l.a.path("dir")), syscall.ENOENT)
	if exists(l.a.path("link")) || exists(l.a.path("dir")) {
		t.Error("the removals did not take effect")
	}
}

// TestSeed makes the same choices again.
func TestSeed(t *testing.T) {
	outcome := func(seed uint64) string {
		l := newLab(t, Options{LostReplies: 0.5, Seed: seed})
		var all string
		for k := range 40 {
			all += map[bool]string{true: "x", false: "."}[exclusive(l.a.path(fmt.Sprint(k))) != nil]
		}
		return all
	}
	first := outcome(7)
	if again := outcome(7); again != first {
		t.Errorf("the same seed made %s and %s", first, again)
	}
	if other := outcome(8); other == first {
		t.Errorf("two seeds made %s", first)
	}
}

func TestNoLinks(t *testing.T) {
	l := newLab(t, Options{NoLinks: true})
	l.write(l.a, "f", "x")
	is(t, os.Link(l.a.path("f"), l.a.path("g")), syscall.EOPNOTSUPP)
}
