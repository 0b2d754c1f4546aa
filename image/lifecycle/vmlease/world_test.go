package vmlease

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/integration/campaign"
)

// ramDir is a directory in memory where there is one: worlds write a lot that need not
// outlast them.
func ramDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "vmlease-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// world is some months with VMs, users, a portal and jadm, of which each is not there now
// and then.
type world struct {
	t      *testing.T
	r      *rand.Rand
	now    time.Time
	keeper *Keeper
	post   *post
	vms    []*vm
	source error // the portal is down

	letters map[string][]Letter // by user and VM, about the end that it has now
	sent    int
	lost    int // workspaces that went with their VM
	checked int // of them, those whose user could be warned
}

type vm struct {
	lease    Lease
	users    []string
	known    map[string]time.Time // user/workspace that the reports say are not uploaded, since when
	unpushed map[string]bool      // as it is
	chances  []time.Time          // when Warn went well in the days before this end
}

func (w *world) Leases(context.Context) iter.Seq2[Lease, error] {
	return func(yield func(Lease, error) bool) {
		for i, v := range w.vms {
			if w.source != nil && i == len(w.vms)/2 {
				yield(Lease{}, w.source)
				return
			}
			if !v.lease.Gone(w.now.Add(-3*day)) && !yield(v.lease, nil) { // the portal lists them for some days more
				return
			}
		}
	}
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, r: rand.New(rand.NewPCG(seed, 0)), now: at2027(1, 1, 0), post: &post{}, letters: map[string][]Letter{}}
	w.keeper = &Keeper{
		Source: w, State: state.Open(ramDir(t)), People: everybody{}, Post: w.post, Audit: audit.None{},
		Rules: Rules{Days: [][]int{{2, 7, 14}, {1}, {3, 30}}[w.r.IntN(3)], Remind: w.r.IntN(2) == 0}, Zone: time.UTC, Forget: 7 * day, Old: 180 * day,
	}
	for i := range 4 + w.r.IntN(4) {
		v := &vm{known: map[string]time.Time{}, unpushed: map[string]bool{}}
		v.lease = Lease{VM: fmt.Sprintf("vm-%d", i), Owner: fmt.Sprintf("u%d", w.r.IntN(4)), Ends: w.now.Add(time.Duration(20+w.r.IntN(60)) * day).Add(time.Duration(w.r.IntN(86400)) * time.Second)}
		v.users = []string{v.lease.Owner}
		if w.r.IntN(3) == 0 {
			v.users = append(v.users, "guest")
		}
		w.setGrace(v)
		w.vms = append(w.vms, v)
	}
	return w
}

func (w *world) setGrace(v *vm) {
	v.lease.Destroyed = v.lease.Ends.Add(time.Duration(w.r.IntN(4)) * day)
}

// play lets hours pass.
func (w *world) play() {
	down := w.now // jadm is, until
	for range 100 * 24 {
		w.now = w.now.Add(time.Hour)
		for _, v := range w.vms {
			if !v.lease.Gone(w.now) {
				w.work(v)
			} else if v.unpushed != nil {
				w.destroy(v)
			}
		}
		if w.r.IntN(24*20) == 0 {
			down = w.now.Add(time.Duration(1+w.r.IntN(20)) * day)
		}
		if w.now.Before(down) {
			continue
		}
		if w.now.Hour() == 6 || w.r.IntN(50) == 0 {
			w.warn()
		}
		if w.now.Hour() == 7 && w.r.IntN(3) == 0 {
			w.source = nil
			if _, err := w.keeper.Sweep(w.t.Context(), w.now); err != nil && !errors.Is(err, errEmpty) {
				w.t.Fatal(err)
			}
		}
	}
}

// work is what happens on a VM in an hour.
func (w *world) work(v *vm) {
	if w.r.IntN(24*30) == 0 { // a longer lease, or a shorter one
		ends := w.now.Add(time.Duration(w.r.IntN(40*24)) * time.Hour)
		if !sameEnd(ends, v.lease.Ends) { // what was said of the other end says nothing of this one
			v.chances = nil
			for _, user := range v.users {
				delete(w.letters, user+" "+v.lease.VM)
			}
			v.lease.Ends = ends
			w.setGrace(v)
		}
	}
	for _, user := range v.users {
		if w.r.IntN(24*4) != 0 {
			continue
		}
		name := user + "/" + []string{"a", "b", "c"}[w.r.IntN(3)]
		if v.unpushed[name] && w.r.IntN(3) == 0 {
			delete(v.unpushed, name)
		} else {
			v.unpushed[name] = true
		}
		if w.r.IntN(4) > 0 {
			w.report(v, user)
		}
	}
}

func (w *world) report(v *vm, user string) {
	r := Report{User: user, Host: v.lease.VM + ".example.ac.jp", Machine: machineA, Received: w.now}
	for _, name := range []string{"a", "b", "c"} {
		key := user + "/" + name
		if !v.unpushed[key] {
			delete(v.known, key)
			continue
		}
		if _, ok := v.known[key]; !ok {
			v.known[key] = w.now
		}
		r.Workspaces = append(r.Workspaces, Workspace{Name: name})
	}
	if err := OpenReports(w.keeper.State).Put(r); err != nil {
		w.t.Fatal(err)
	}
}

// warn runs jadm lease warn. Sometimes the portal breaks off, mail does not go out, or jadm
// is killed when a letter has gone.
func (w *world) warn() {
	w.source, w.post.fail, w.post.killed = nil, nil, false
	switch w.r.IntN(10) {
	case 0:
		w.source = errors.New("the portal is down")
	case 1:
		w.post.fail = map[string]error{"u1": errors.New("mailbox full")}
	case 2:
		w.post.killed = true
	}
	_, err := w.keeper.Warn(w.t.Context(), w.now)
	for _, v := range w.vms {
		if _, ok := w.keeper.Rules.stage(v.lease, w.now); ok && err == nil {
			v.chances = append(v.chances, w.now)
		}
	}
	for _, l := range w.post.letters {
		w.sent++
		key := l.To.ID + " " + l.Data.(Notice).VM
		w.letters[key] = append(w.letters[key], l)
	}
	w.post.letters = nil
}

// destroy takes a VM away, and looks whether what went with it had been told.
func (w *world) destroy(v *vm) {
	for key, since := range v.known {
		w.lost++
		user, name, _ := strings.Cut(key, "/")
		chances := slices.DeleteFunc(slices.Clone(v.chances), func(at time.Time) bool { return at.Before(since) })
		if len(chances) == 0 {
			continue
		}
		w.checked++
		written, named := false, false
		for _, l := range w.letters[user+" "+v.lease.VM] {
			for _, line := range l.Data.(Notice).Lost {
				written = written || l.Kind == KindLost
				named = named || line.Name == name
			}
		}
		if !written {
			w.t.Errorf("%s was lost with %s, and %s had no letter; chances were %v", key, v.lease.VM, user, chances)
		}
		if enough := chances[len(chances)-1].Sub(chances[0]) >= again; enough && !named {
			w.t.Errorf("%s was lost with %s, and no letter named it; chances were %v, known since %s", key, v.lease.VM, chances, since)
		}
	}
	for _, user := range v.users {
		if n, most := len(w.letters[user+" "+v.lease.VM]), w.mostLetters(); n > most {
			w.t.Errorf("%s got %d letters about %s, more than %d", user, n, v.lease.VM, most)
		}
	}
	v.unpushed, v.known = nil, nil
}

// mostLetters is one for each stage, one behind the end, and a reminder; besides there are
// three workspaces that may be new to a letter, and a kill that may make one of each go
// out again with other words.
func (w *world) mostLetters() int { return 2 * (len(w.keeper.Rules.Days) + 2 + 3) }

// TestNothingExpiresUnwarned: in any calendar, what was reported as not uploaded is not
// lost without a letter to its user, if jadm ran once between the first day of warning and
// the end; nor without one that named it, if it ran again a day later. Nobody is
// written to more often than there is something to say.
func TestNothingExpiresUnwarned(t *testing.T) {
	first := campaign.Seed(t)
	lost, checked, letters := 0, 0, 0
	for i := range 12 * campaign.Times(t) {
		w := newWorld(t, first+uint64(i))
		w.play()
		lost, checked = lost+w.lost, checked+w.checked
		letters += w.sent
		if t.Failed() {
			t.Fatalf("JRUN_SEED=%d", first+uint64(i))
		}
	}
	t.Logf("%d workspaces were lost, %d of them after a warning, of %d letters", lost, checked, letters)
	if checked == 0 {
		t.Error("nothing was lost; the worlds cannot be right")
	}
}
