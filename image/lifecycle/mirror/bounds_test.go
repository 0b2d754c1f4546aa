package mirror

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/opencontainers/go-digest"
)

// TestMarks: a target is remembered once, in the order of the first marks, those that
// Harbor has told of before others; what is too much becomes a mark on everything.
func TestMarks(t *testing.T) {
	m := newMarks(3)
	now := time.Unix(0, 0)
	for i, name := range []string{"a", "b", "a", "c", "d", "e", "b"} {
		w := routine
		if name == "b" && i > 2 {
			w = told
		}
		m.add(Target{"p", name}, w, now.Add(time.Duration(i)))
	}
	if n, oldest := m.waiting(); n != 3 || !oldest.Equal(now) {
		t.Errorf("%d wait, since %v", n, oldest)
	}
	var got []string
	for {
		next, ok := m.nextUnless(false)
		if !ok {
			break
		}
		got = append(got, fmt.Sprint(next.target.Repository, " ", int(next.why)))
	}
	if diff := cmp.Diff([]string{"b 2", "a 0", "c 0"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !m.all() || m.all() {
		t.Error("everything is not marked, or twice")
	}
}

// TestTooManyMarks: with a memory for three targets, a hundred pushes are not lost.
func TestTooManyMarks(t *testing.T) {
	w := newWorld(t)
	w.fake.AddProject(fakeharbor.Project{Name: "p"})
	m, _ := w.mirror(func(o *Options) { onAMD64(o); o.mostMarks = 3 })
	w.settle(m)
	want := map[digest.Digest]bool{}
	for i := range 30 {
		want[w.fake.Push(fmt.Sprint("p/app", i), "1", testImage(t, fmt.Sprint(i)))] = true
		m.Mark(Target{"p", fmt.Sprint("app", i)})
	}
	w.settle(m)
	if diff := cmp.Diff(want, w.digests("p")); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
}

func wanted(name string) *Conversion {
	return &Conversion{Target: Target{"p", name}, Artifact: Artifact{Digest: d(name)}, Platform: amd64}
}

// TestBacklog: what was just pushed comes first; of a repository one image at a time.
func TestBacklog(t *testing.T) {
	b := newBacklog(3, 1)
	now := time.Unix(0, 0)
	for _, name := range []string{"a", "b", "c", "too many"} {
		b.put(Target{"p", name}, wanted(name), name == "c", now)
	}
	newer := wanted("a")
	newer.Artifact.Digest = d("newer")
	b.put(newer.Target, newer, false, now)
	var order []digest.Digest
	for range 3 {
		w, _, ok := b.pick(now)
		if !ok {
			t.Fatal("nothing is there")
		}
		order = append(order, w.Artifact.Digest)
	}
	if diff := cmp.Diff([]digest.Digest{d("c"), d("newer"), d("b")}, order); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.put(Target{"p", "c"}, wanted("c"), true, now) // it is running
	if _, _, ok := b.pick(now); ok || !b.converts("p") || b.converts("q") {
		t.Error("two of one repository at once")
	}
	if !b.done(Target{"p", "c"}) || b.done(Target{"p", "b"}) {
		t.Error("that something did not fit in is not said, or twice")
	}
	other := wanted("x")
	other.Target.Project = "q"
	b.put(other.Target, other, false, now)
	b.drop("q")
	if _, waiting := b.now(); len(waiting) != 0 {
		t.Errorf("waiting are %v", waiting)
	}
}

// TestFailuresAreBounded in number and in length, on disk too; their pauses double.
func TestFailuresAreBounded(t *testing.T) {
	dir := state.Open(t.TempDir())
	f, err := loadFailures(dir)
	check(t, err)
	now := time.Unix(1_800_000_000, 0)
	cause := errors.New(strings.Repeat("画", 1000) + "\x1b[2J\nx")
	c := *wanted("app")
	var pauses []time.Duration
	for range 13 {
		known, err := f.add(c, cause, now, time.Minute)
		check(t, err)
		pauses = append(pauses, known.Next.Sub(now))
		if len(known.Error) > mostErrorText+3 || strings.ContainsAny(known.Error, "\x1b\n") {
			t.Errorf("the error is %q", known.Error)
		}
	}
	if pauses[0] != time.Minute || pauses[3] != 8*time.Minute || pauses[12] != longestPause {
		t.Errorf("pauses are %v", pauses)
	}
	if !f.waits(c, now.Add(time.Hour)) || f.waits(c, now.Add(25*time.Hour)) {
		t.Error("it does not wait, or for too long")
	}
	f.mu.Lock()
	for i := range mostFailures {
		known := Failure{Target: Target{"p", fmt.Sprint("x", i)}, Digest: d("x"), Last: now.Add(time.Duration(i))}
		f.known[failureKey{known.Target, known.Digest, ""}] = known
	}
	f.mu.Unlock()
	_, err = f.add(*wanted("one more"), cause, now.Add(time.Hour), time.Minute)
	check(t, err)
	again, err := loadFailures(dir)
	check(t, err)
	if n := len(again.list()); n != mostFailures {
		t.Errorf("%d are remembered", n)
	}
}

// TestRaces: what happens to a tag while its image is converted is seen after.
func TestRaces(t *testing.T) {
	for name, race := range map[string]func(w *world) (left digest.Digest){
		"pushed again": func(w *world) digest.Digest { return w.fake.Push("p/app", "1", testImage(w, "second")) },
		"deleted": func(w *world) digest.Digest {
			w.fake.DeleteArtifact("p/app", "1")
			return ""
		},
	} {
		for _, moment := range []string{"convert", "converted"} {
			t.Run(name+" before the end of "+moment, func(t *testing.T) {
				w := newWorld(t)
				w.fake.AddProject(fakeharbor.Project{Name: "p"})
				w.fake.Push("p/app", "1", testImage(t, "first"))
				var left digest.Digest
				raced := false
				m, stop := w.mirror(func(o *Options) {
					onAMD64(o)
					o.Now = func() time.Time { return time.Now().Add(2 * nameless) }
					o.step = func(step string) {
						if step == moment && !raced {
							raced = true
							left = race(w)
						}
					}
				})
				w.settle(m)
				stop()
				want := map[string]digest.Digest{}
				if left != "" {
					want["p/app:1"] = left
				}
				got := w.names("p")
				for n := range got {
					if isDigestName(n) {
						delete(got, n)
					}
				}
				if diff := cmp.Diff(want, got); diff != "" || !raced {
					t.Errorf("names (-want +got):\n%s%s", diff, w.log)
				}
				if objects := w.digests("p"); left == "" && len(objects) != 0 || left != "" && !objects[left] {
					t.Errorf("objects are %v", objects)
				}
			})
		}
	}
}
