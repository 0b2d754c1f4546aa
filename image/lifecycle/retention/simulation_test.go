package retention_test

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/retention"
	"github.com/jrun-hpc/jrun/integration/campaign"
	"github.com/opencontainers/go-digest"
)

// TestFiveYears: five simulated years of pushes, tags that are pushed again, runs, pins,
// reports that are late or lost, kills at any step, and clocks that jump. JRUN_SOAK
// multiplies the worlds; JRUN_SEED repeats one.
func TestFiveYears(t *testing.T) {
	worlds := campaign.Times(t)
	seed := campaign.Seed(t)
	if _, given := campaign.Given(t); given {
		worlds = 1
	}
	for i := range worlds {
		seed := seed + uint64(i)
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Logf("JRUN_SEED=%d", seed)
			w := newWorld(t, seed)
			all := []retention.Rules{{UsedWithin: 90 * day}, {UsedWithin: 60 * day, Last: 2, Pinned: true}, {UsedWithin: 120 * day, Monthly: 3}, {Last: 4, UsedWithin: 30 * day, Tags: []string{"latest"}}}
			w.rules = all[w.random.IntN(len(all))]
			for end := w.now.AddDate(5, 0, 0); w.now.Before(end); {
				w.live()
			}
			w.counted["artifacts at the end"] = len(w.artifacts())
			w.settle()
			t.Logf("rules %+v: %v", w.rules, w.counted)
			for _, what := range []string{"pushed", "used", "cited", "tag.remove", "artifact.delete", "object.discard", "killed", "wrong clocks", "late reports", "undone"} {
				if w.counted[what] == 0 {
					t.Errorf("in five years nothing was %s", what)
				}
			}
		})
	}
}

// live is a few days.
func (w *world) live() {
	w.now = w.now.Add(time.Duration(1+w.random.IntN(5))*day + time.Duration(w.random.IntN(3600))*time.Second)
	for range w.random.IntN(2) {
		w.push()
	}
	for range w.random.IntN(4) {
		w.use()
	}
	if w.random.IntN(15) == 0 {
		w.cite()
	}
	for _, at := range slices.SortedFunc(maps.Keys(w.late), time.Time.Compare) {
		if at.After(w.now) {
			break
		}
		for _, r := range w.late[at] {
			w.box.leave(r)
			w.counted["late reports"]++
			if w.missing(r.Resolved) {
				continue // it was on its last days, and nobody could know
			}
			w.used[r.Resolved] = later(w.used[r.Resolved], r.Time)
		}
		delete(w.late, at)
	}
	w.jadm("usage keep-alive", func() error {
		if _, err := w.book.Collect(w.Context(), reports{w.box, w}, w.now); err != nil {
			return err
		}
		_, err := w.book.KeepAlive(w.Context(), w.client, w.now, false)
		return err
	})
	switch w.random.IntN(8) {
	case 0:
		w.wrongClock()
	case 1:
		w.undo()
	case 2, 3, 4:
		w.retain()
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// retain is jadm retain.
func (w *world) retain() {
	before := map[string]digest.Digest{}
	for name, d := range w.tags {
		before[name] = d
	}
	w.jadm("retain", func() error {
		p, err := w.keeper.Plan(w.Context(), simProject, w.rules, w.now)
		if err == nil {
			_, err = w.keeper.Apply(w.Context(), p, w.rules, w.now)
		}
		return err
	})
	for name, d := range before {
		if w.now.Sub(w.used[d]) < w.rules.UsedWithin && w.used[d].Before(w.now) && w.tags[name] == "" {
			w.Errorf("%s: the tag %s was taken away, and was used %v before", w.now, name, w.now.Sub(w.used[d]))
		}
	}
	w.holds("retain")
	w.counted["retained"]++
}

// wrongClock is jadm on a machine whose clock has jumped.
func (w *world) wrongClock() {
	wrong := w.now.Add(time.Duration(w.random.IntN(2000)-1000) * day)
	if wrong.Sub(w.now).Abs() < 2*day {
		return
	}
	had := len(w.artifacts())
	p, err := w.keeper.Plan(w.Context(), simProject, w.rules, wrong)
	check(w, err)
	if _, err := w.keeper.Apply(w.Context(), p, w.rules, wrong); !errors.Is(err, retention.ErrClock) {
		w.Fatalf("with a clock that is wrong by %v: %v", wrong.Sub(w.now), err)
	}
	if n := len(w.artifacts()); n != had {
		w.Fatalf("with a clock that is wrong %d of %d artifacts are left", n, had)
	}
	w.counted["wrong clocks"]++
}

// undo puts the last things back that were taken away.
func (w *world) undo() {
	w.crashIn = 0
	all, err := w.keeper.Removed(simProject)
	check(w, err)
	if len(all) == 0 {
		return
	}
	u, err := w.keeper.Undo(w.Context(), simProject, w.now, func(i retention.Item) bool { return i.Name() == all[0].Item.Name() && i.Digest == all[0].Item.Digest }, false)
	check(w, err)
	for _, item := range u.Restored {
		if w.fake.Missing(simProject+"/"+item.Repository, item.Tag) {
			w.Errorf("%s was said to be back", item.Name())
		}
		w.tags[item.Repository+":"+item.Tag] = item.Digest
		w.counted["undone"]++
	}
}

// holds checks what must be true at any time.
func (w *world) holds(when string) {
	w.Helper()
	for d, cited := range w.pinned {
		if cited && w.missing(d) {
			w.Fatalf("%s, %s: what is cited is gone: %s", w.now, when, d)
		}
		object := w.runs(d)
		if !cited {
			delete(w.needed, object)
		}
		_, there := w.shelf.objects[object]
		if w.needed[object] && !there {
			w.Fatalf("%s, %s: the object of what is cited is gone: %s", w.now, when, object)
		}
		if _, deleted := w.shelf.deleted[object]; cited && deleted && when == "retain" && w.taken(d) {
			w.Fatalf("%s: the object of what is cited is among the deleted ones: %s", w.now, object)
		}
		if cited && there && w.taken(d) {
			w.needed[object] = true
		}
	}
	for d, at := range w.used {
		if w.now.Sub(at) < w.rules.UsedWithin && w.missing(d) {
			w.Fatalf("%s, %s: %s was used %v before and is gone", w.now, when, d, w.now.Sub(at))
		}
	}
}

// missing reports whether an image cannot be pulled any more, or the part of it that
// jobs run.
func (w *world) missing(d digest.Digest) bool {
	name := simProject + "/" + w.repo[d]
	return w.fake.Missing(name, d.String()) || w.fake.Missing(name, w.runs(d).String())
}

// taken reports whether jadm knows by now that d is cited.
func (w *world) taken(d digest.Digest) bool {
	pins, err := w.book.PinsOf(simProject)
	check(w, err)
	for _, p := range pins {
		if p.Is(d) {
			return true
		}
	}
	return false
}

func (w *world) artifacts() []harbor.Artifact {
	var all []harbor.Artifact
	repositories, err := harbor.All(w.client.Repositories(w.Context(), simProject))
	check(w, err)
	for _, r := range repositories {
		some, err := harbor.All(w.client.Artifacts(w.Context(), simProject, r.Name[len(simProject)+1:]))
		check(w, err)
		all = append(all, some...)
	}
	return all
}

// settle lets nobody use anything any more: what no rule keeps goes, on both sides, and
// the rest stays.
func (w *world) settle() {
	for range 40 {
		w.now = w.now.Add(10 * day)
		w.retainQuietly()
	}
	before := w.artifacts()
	w.now = w.now.Add(10 * day)
	w.retainQuietly()
	stay := map[digest.Digest]bool{}
	for _, a := range w.artifacts() {
		stay[a.Digest], stay[w.runs(a.Digest)] = true, true
		if len(a.Tags) == 0 && !w.pinned[a.Digest] {
			w.Errorf("%s is still there without a tag", a.Digest)
		}
		named := func(t harbor.Tag) bool { return t.Name == "latest" }
		kept := w.pinned[a.Digest] || w.rules.Last > 0 || w.rules.Monthly > 0 || len(w.rules.Tags) > 0 && slices.ContainsFunc(a.Tags, named)
		if !kept {
			w.Errorf("%s is still there, and no rule keeps it", a.Digest)
		}
	}
	if n := len(w.artifacts()); n != len(before) {
		w.Errorf("it has not come to rest: %d, then %d", len(before), n)
	}
	for d, cited := range w.pinned {
		if cited && !stay[d] {
			w.Errorf("what is cited is gone: %s", d)
		}
	}
	for d := range w.shelf.objects {
		if !stay[d] {
			w.Errorf("the object %s is still there", d)
		}
	}
	if len(w.shelf.deleted) != 0 {
		w.Errorf("%d deleted objects are still there", len(w.shelf.deleted))
	}
}

func (w *world) retainQuietly() {
	w.jadm("retain", func() error {
		p, err := w.keeper.Plan(w.Context(), simProject, w.rules, w.now)
		if err == nil {
			quiet := w.keeper
			quiet.Registry = w.client
			_, err = quiet.Apply(w.Context(), p, w.rules, w.now)
		}
		return err
	})
}
