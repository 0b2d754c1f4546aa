package nfslike

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestOldNews changes things on one node and watches the other find out: it
// must take some time for some, and for none longer than AttrDelay.
func TestOldNews(t *testing.T) {
	const files = 12
	name := func(k int) string { return fmt.Sprint("f", k) }
	for _, c := range []struct {
		what    string
		prepare func(l *lab, k int) // before B looks
		change  func(l *lab, k int) // on A
		fresh   func(l *lab, k int) bool
	}{
		{
			what:    "a new name is not known at first",
			prepare: func(*lab, int) {},
			change:  func(l *lab, k int) { l.write(l.a, name(k), "x") },
			fresh:   func(l *lab, k int) bool { return exists(l.b.path(name(k))) },
		}, {
			what:    "a removed name is still there at first",
			prepare: func(l *lab, k int) { l.write(l.a, name(k), "x") },
			change:  func(l *lab, k int) { must(l, os.Remove(l.a.path(name(k)))) },
			fresh:   func(l *lab, k int) bool { return !exists(l.b.path(name(k))) },
		}, {
			what:    "a mode is the old one at first",
			prepare: func(l *lab, k int) { l.write(l.a, name(k), "x") },
			change:  func(l *lab, k int) { must(l, os.Chmod(l.a.path(name(k)), 0o600)) },
			fresh: func(l *lab, k int) bool {
				info, err := os.Stat(l.b.path(name(k)))
				must(l, err)
				return info.Mode().Perm() == 0o600
			},
		}, {
			what:    "a listing is the old one at first",
			prepare: func(l *lab, k int) { must(l, os.Mkdir(l.a.path(name(k)), 0o755)) },
			change:  func(l *lab, k int) { l.write(l.a, name(k)+"/x", "") },
			fresh:   func(l *lab, k int) bool { return len(names(l, l.b.path(name(k)))) == 1 },
		}, {
			what:    "a replaced file has the old size at first",
			prepare: func(l *lab, k int) { l.write(l.a, name(k), "x") },
			change:  func(l *lab, k int) { l.replace(l.a, name(k), "xyz") },
			fresh: func(l *lab, k int) bool {
				info, err := os.Stat(l.b.path(name(k)))
				must(l, err)
				return info.Size() == 3
			},
		},
	} {
		t.Run(c.what, func(t *testing.T) {
			l := newLab(t, Options{AttrDelay: attrDelay})
			for k := range files {
				c.prepare(l, k)
			}
			for k := range files {
				if c.fresh(l, k) { // fills B's cache
					t.Fatal("fresh before the change")
				}
			}
			var since [files]time.Time
			for k := range files {
				c.change(l, k)
				since[k] = time.Now()
			}
			var longest time.Duration
			for k := range files {
				longest = max(longest, becomes(t, since[k], c.what, func() bool { return c.fresh(l, k) }))
			}
			if longest < attrDelay/4 {
				t.Errorf("the longest took %v: nothing was cached", longest)
			}
		})
	}
}

func TestNoDelayNoOldNews(t *testing.T) {
	l := newLab(t, Options{})
	for range 50 {
		if exists(l.b.path("f")) {
			t.Fatal("there before it is made")
		}
		l.write(l.a, "f", "x")
		if !exists(l.b.path("f")) || !slices.Equal(names(t, l.b.Dir()), []string{"f"}) {
			t.Fatal("not there after it is made")
		}
		must(t, os.Remove(l.a.path("f")))
		if exists(l.b.path("f")) || len(names(t, l.b.Dir())) != 0 {
			t.Fatal("there after it is removed")
		}
	}
}

// TestChangesMeetTheTruth has B believe the opposite of what is, and change it.
func TestChangesMeetTheTruth(t *testing.T) {
	l := newLab(t, Options{AttrDelay: time.Hour})
	l.write(l.a, "source", "x")
	for what, create := range map[string]func(path string) error{
		"create": func(path string) error {
			f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if err == nil {
				f.Close()
			}
			return err
		},
		"mkdir":   func(path string) error { return os.Mkdir(path, 0o755) },
		"symlink": func(path string) error { return os.Symlink("x", path) },
		"link":    func(path string) error { return os.Link(l.b.path("source"), path) },
	} {
		t.Run(what, func(t *testing.T) {
			taken, free := what+"-taken", what+"-free"
			l.write(l.a, free, "")
			if exists(l.b.path(taken)) || !exists(l.b.path(free)) {
				t.Fatal("B does not see what is before the change")
			}
			l.write(l.a, taken, "")
			must(t, os.Remove(l.a.path(free)))
			if exists(l.b.path(taken)) || !exists(l.b.path(free)) {
				t.Fatal("B's cache is not believed")
			}
			is(t, create(l.b.path(taken)), syscall.EEXIST)
			must(t, create(l.b.path(free)))
			if !exists(l.b.path(taken)) {
				t.Error("after EEXIST the name is still not there")
			}
		})
	}
	t.Run("unlink and rename", func(t *testing.T) {
		l.write(l.a, "gone", "")
		if !exists(l.b.path("gone")) {
			t.Fatal("not there")
		}
		must(t, os.Remove(l.a.path("gone")))
		is(t, os.Rename(l.b.path("gone"), l.b.path("other")), syscall.ENOENT)
		l.write(l.a, "gone2", "")
		if !exists(l.b.path("gone2")) {
			t.Fatal("not there")
		}
		must(t, os.Remove(l.a.path("gone2")))
		is(t, os.Remove(l.b.path("gone2")), syscall.ENOENT)
	})
	t.Run("own changes are seen at once", func(t *testing.T) {
		names(t, l.b.Dir())
		l.write(l.b, "own", "x")
		if !exists(l.b.path("own")) || !slices.Contains(names(t, l.b.Dir()), "own") {
			t.Error("B does not see what it made")
		}
		must(t, os.Rename(l.b.path("own"), l.b.path("own2")))
		if exists(l.b.path("own")) || !exists(l.b.path("own2")) || slices.Contains(names(t, l.b.Dir()), "own") {
			t.Error("B does not see what it renamed")
		}
	})
}

// TestOpenWalksAgain opens names whose files are gone or others by now: the
// kernel is told ESTALE, and the program sees what is.
func TestOpenWalksAgain(t *testing.T) {
	l := newLab(t, Options{AttrDelay: time.Hour, StaleHandles: true})
	l.write(l.a, "replaced", "old")
	l.write(l.a, "removed", "old")
	if l.read(l.b, "replaced") != "old" || l.read(l.b, "removed") != "old" {
		t.Fatal("not what was written")
	}
	l.replace(l.a, "replaced", "new")
	must(t, os.Remove(l.a.path("removed")))
	if !exists(l.b.path("removed")) {
		t.Error("B's cache is not believed")
	}
	if got := l.read(l.b, "replaced"); got != "new" {
		t.Errorf("opened %q", got)
	}
	_, err := os.Open(l.b.path("removed"))
	is(t, err, syscall.ENOENT)
}

// TestOneWinner has two nodes race for names.
func TestOneWinner(t *testing.T) {
	l := newLab(t, Options{AttrDelay: 5 * time.Millisecond})
	for k := range 100 {
		var won atomic.Int32
		var both sync.WaitGroup
		for _, n := range []*Node{l.a, l.b} {
			both.Go(func() {
				f, err := os.OpenFile(n.path(fmt.Sprint(k)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
				if err == nil {
					won.Add(1)
					f.Close()
				} else if errno(err) != syscall.EEXIST {
					t.Error(err)
				}
			})
		}
		both.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d nodes made the file", won.Load())
		}
	}
}
