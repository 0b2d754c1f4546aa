package vmlease

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
)

// post keeps letters, and sends one of a key once, as package notice does.
type post struct {
	letters []Letter
	keys    map[string]bool
	fail    map[string]error // by user
	killed  bool             // the letter goes out, and then the process is killed
}

var errKilled = errors.New("killed")

func (p *post) Send(_ context.Context, l Letter) (bool, error) {
	if err := p.fail[l.To.ID]; err != nil {
		return false, err
	}
	if p.keys[l.Key] {
		return false, nil
	}
	if p.keys == nil {
		p.keys = map[string]bool{}
	}
	p.keys[l.Key] = true
	p.letters = append(p.letters, l)
	if p.killed {
		return false, errKilled
	}
	return true, nil
}

// take are the letters since it was last called: KIND to USER: workspaces.
func (p *post) take() []string {
	var all []string
	for _, l := range p.letters {
		text := l.Kind + " to " + l.To.ID + ":"
		for _, line := range l.Data.(Notice).Lost {
			text += " " + line.Name
		}
		all = append(all, text)
	}
	p.letters = nil
	return all
}

// everybody knows all people but nobody.
type everybody struct{}

func (everybody) Person(_ context.Context, id string) (people.Person, error) {
	if id == "nobody" {
		return people.Person{}, fmt.Errorf("looking up %s: %w", id, people.ErrUnknown)
	}
	return people.Person{ID: id, Name: strings.ToUpper(id), Mail: id + "@example.ac.jp"}, nil
}

// house is a keeper with what is around it.
type house struct {
	*Keeper
	t    *testing.T
	post *post
	log  string
}

func newHouse(t *testing.T, leases ...Lease) *house {
	t.Helper()
	dir := t.TempDir()
	h := &house{t: t, post: &post{}, log: filepath.Join(dir, "audit.jsonl")}
	h.Keeper = &Keeper{
		Source: leasesOf(leases), State: state.Open(filepath.Join(dir, "state")), People: everybody{}, Post: h.post, Audit: audit.Open(h.log, "jadm"),
		Rules: Rules{Days: []int{2, 7, 14}}, Zone: time.UTC, Forget: 7 * day, Old: 180 * day,
	}
	return h
}

func (h *house) report(at time.Time, user, host string, names ...string) {
	h.t.Helper()
	r := Report{User: user, Host: host, Machine: machineA, Received: at}
	for _, n := range names {
		r.Workspaces = append(r.Workspaces, Workspace{Name: n, Base: "h/base:1", Bytes: 1 << 30})
	}
	if err := OpenReports(h.State).Put(r); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) warned(now time.Time, want ...string) {
	h.t.Helper()
	if _, err := h.Warn(h.t.Context(), now); err != nil {
		h.t.Fatal(err)
	}
	if diff := cmp.Diff(want, h.post.take(), cmpopts.EquateEmpty()); diff != "" {
		h.t.Errorf("letters of %s (-want +got):\n%s", now.Format(time.DateOnly), diff)
	}
}

func TestWarn(t *testing.T) {
	ends := at2027(3, 31, 9)
	h := newHouse(t, Lease{VM: "vm-1", Owner: "u001", Ends: ends, Destroyed: ends.Add(3 * day)}, Lease{VM: "vm-2", Owner: "u002", Ends: ends})
	h.report(ends.Add(-20*day), "u001", "vm-1", "cfd", "r")
	h.report(ends.Add(-20*day), "u003", "vm-1", "guest")
	h.warned(ends.Add(-15 * day))
	h.warned(ends.Add(-14*day), "lease to u001: cfd r", "lease to u003: guest")
	h.warned(ends.Add(-13 * day))
	h.report(ends.Add(-12*day), "u001", "vm-1", "r") // cfd went up
	h.warned(ends.Add(-7*day), "lease to u001: r", "lease to u003: guest")
	h.report(ends.Add(-7*day), "u001", "vm-1")
	h.report(ends.Add(-7*day), "u003", "vm-1")
	h.warned(ends.Add(-day))
	h.report(ends.Add(-time.Hour), "u001", "vm-1", "late")
	h.warned(ends.Add(-time.Hour), "lease to u001: late")
	h.warned(ends.Add(time.Hour), "lease to u001: late")
	h.warned(ends.Add(3 * day))

	h.Source = leasesOf{{VM: "vm-1", Owner: "u001", Ends: ends.Add(60 * day)}} // extended
	h.warned(ends.Add(4 * day))
	h.warned(ends.Add(59*day), "lease to u001: late")
}

func TestNotice(t *testing.T) {
	ends := at2027(3, 31, 9)
	h := newHouse(t, Lease{VM: "vm-1", Owner: "u001", Ends: ends, Destroyed: ends.Add(3 * day)})
	h.Zone = tokyo
	h.report(ends.Add(-20*day), "u001", "vm-1", "cfd")
	if _, err := h.Warn(t.Context(), ends.Add(-50*time.Hour)); err != nil {
		t.Fatal(err)
	}
	want := []Letter{{
		To: people.Person{ID: "u001", Name: "U001", Mail: "u001@example.ac.jp"}, Kind: "lease",
		Data: Notice{
			VM: "vm-1", Owner: "u001", Mine: true, Ends: "2027-03-31 18:00 JST", DaysLeft: 2, Destroyed: "2027-04-03 18:00 JST", Reported: true,
			Lost: []LostLine{{Host: "vm-1", Name: "cfd", Base: "h/base:1", Size: "1.1 GB"}},
		},
	}}
	if diff := cmp.Diff(want, h.post.letters, cmpopts.IgnoreFields(Letter{}, "Key")); diff != "" {
		t.Errorf("letters (-want +got):\n%s", diff)
	}
}

// TestWarnDry: nothing is sent, and nothing noted.
func TestWarnDry(t *testing.T) {
	ends := at2027(3, 31, 9)
	h := newHouse(t, Lease{VM: "vm-1", Owner: "u001", Ends: ends})
	h.report(ends.Add(-day), "u001", "vm-1", "cfd")
	h.DryRun = true
	got, err := h.Warn(t.Context(), ends.Add(-day))
	if err != nil || len(got) != 1 || got[0].Sent || len(h.post.letters) != 0 {
		t.Fatalf("%+v, %v; sent %v", got, err, h.post.letters)
	}
	h.DryRun = false
	h.warned(ends.Add(-day), "lease to u001: cfd")
}

// TestWarnFailures: one who cannot be written to keeps nobody else from a letter, and is
// tried again.
func TestWarnFailures(t *testing.T) {
	ends := at2027(3, 31, 9)
	h := newHouse(t, Lease{VM: "vm-1", Owner: "nobody", Ends: ends}, Lease{VM: "vm-2", Owner: "u002", Ends: ends}, Lease{VM: "vm-3", Owner: "u003", Ends: ends})
	for i := range 3 {
		h.report(ends.Add(-day), []string{"nobody", "u002", "u003"}[i], fmt.Sprintf("vm-%d", i+1), "cfd")
	}
	refused := errors.New("mailbox full")
	h.post.fail = map[string]error{"u002": refused}
	got, err := h.Warn(t.Context(), ends.Add(-day))
	if !errors.Is(err, refused) || !errors.Is(err, people.ErrUnknown) || len(got) != 3 {
		t.Errorf("%+v, %v", got, err)
	}
	if diff := cmp.Diff([]string{"lease to u003: cfd"}, h.post.take()); diff != "" {
		t.Errorf("letters (-want +got):\n%s", diff)
	}
	h.post.fail = nil
	_, _ = h.Warn(t.Context(), ends.Add(-day))
	if diff := cmp.Diff([]string{"lease to u002: cfd"}, h.post.take()); diff != "" {
		t.Errorf("letters (-want +got):\n%s", diff)
	}
}

// TestWarnKilled: a letter that went out before a kill is not sent twice, and is noted
// afterwards.
func TestWarnKilled(t *testing.T) {
	ends := at2027(3, 31, 9)
	h := newHouse(t, Lease{VM: "vm-1", Owner: "u001", Ends: ends})
	h.report(ends.Add(-day), "u001", "vm-1", "cfd")
	h.post.killed = true
	if _, err := h.Warn(t.Context(), ends.Add(-day)); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	h.post.killed, h.post.letters = false, nil
	h.warned(ends.Add(-23 * time.Hour))
	standings, err := h.List(t.Context(), ends.Add(-22*time.Hour))
	if err != nil || len(standings) != 1 || len(standings[0].Warned) != 1 || standings[0].Lost() != 1 {
		t.Errorf("list is %+v, %v", standings, err)
	}
}

// broken is a source that fails behind its first lease.
type broken struct{ leases leasesOf }

func (b broken) Leases(ctx context.Context) iter.Seq2[Lease, error] {
	return func(yield func(Lease, error) bool) {
		for l := range b.leases.Leases(ctx) {
			if !yield(l, nil) {
				return
			}
		}
		yield(Lease{}, errors.New("the portal is down"))
	}
}

func TestSweep(t *testing.T) {
	ends := at2027(3, 31, 9)
	first := Lease{VM: "vm-1", Owner: "u001", Ends: ends, Destroyed: ends.Add(3 * day)}
	other := Lease{VM: "vm-2", Owner: "u002", Ends: ends.Add(365 * day)}
	h := newHouse(t, first, other)
	h.report(ends.Add(-day), "u001", "vm-1", "cfd")
	h.report(ends.Add(-day), "u002", "vm-2", "r")
	h.report(ends.Add(-day), "u003", "laptop", "x")
	sweep := func(now time.Time, wantErr bool, want ...string) {
		t.Helper()
		got, err := h.Sweep(t.Context(), now)
		if (err != nil) != wantErr {
			t.Fatalf("error is %v", err)
		}
		var all []string
		for _, s := range got.Ended {
			all = append(all, "ended "+s.VM)
		}
		for _, f := range got.Forgotten {
			why, _, _ := strings.Cut(f.Why, " at ")
			why, _, _ = strings.Cut(why, " since ")
			all = append(all, "forgotten "+f.Host+": "+why)
		}
		if diff := cmp.Diff(want, all, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", now.Format(time.DateOnly), diff)
		}
	}
	sweep(ends.Add(-time.Hour), false)
	sweep(ends.Add(time.Hour), false, "ended vm-1")
	h.DryRun = true
	sweep(ends.Add(3*day), false, "forgotten vm-1: its VM was destroyed")
	h.DryRun = false
	sweep(ends.Add(3*day), false, "forgotten vm-1: its VM was destroyed")
	h.report(ends.Add(4*day), "u001", "vm-1", "still-there")
	sweep(ends.Add(5*day), false)

	h.Source = broken{leasesOf{first}}
	sweep(ends.Add(6*day), true)
	h.Source = leasesOf{}
	sweep(ends.Add(20*day), true)
	h.Source = leasesOf{first}
	sweep(ends.Add(21*day), false)
	h.Source = leasesOf{first, other}
	sweep(ends.Add(40*day), false) // it is back
	h.Source = leasesOf{first}
	sweep(ends.Add(50*day), false)
	h.DryRun = true
	sweep(ends.Add(56*day), false)
	h.DryRun = false
	sweep(ends.Add(57*day), false, "forgotten vm-2: its VM is missing in the list of leases")
	sweep(ends.Add(178*day), false)
	sweep(ends.Add(180*day), false, "forgotten laptop: it belongs to no lease, and is of 2027-03-30")

	var acts []string
	for e, err := range audit.Entries(h.log) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Outcome == audit.Done {
			acts = append(acts, e.Action+" "+e.Subject+" "+e.Details["not_uploaded"])
		}
	}
	if diff := cmp.Diff([]string{"lease.forget u001 on vm-1 cfd", "lease.forget u002 on vm-2 r", "lease.forget u003 on laptop x"}, acts); diff != "" {
		t.Errorf("acts (-want +got):\n%s", diff)
	}
	if names, err := h.State.Names("lease"); err != nil || !slices.Equal(names, []string{"vm-1"}) {
		t.Errorf("books are %q, %v", names, err)
	}
}

// TestNameOfAnother: when a VM's name is given to another VM, what was reported from the
// first is forgotten, and from the second not.
func TestNameOfAnother(t *testing.T) {
	ends := at2027(3, 31, 9)
	first := Lease{VM: "vm-1", Owner: "u001", Ends: ends, Destroyed: ends}
	forgotten := func(h *house, now time.Time) (all []string) {
		t.Helper()
		swept, err := h.Sweep(t.Context(), now)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range swept.Forgotten {
			all = append(all, f.User)
		}
		return all
	}
	for name, second := range map[string]Lease{
		"another owner":         {VM: "vm-1", Owner: "u002", Ends: ends.Add(90 * day)},
		"the same, once more":   {VM: "vm-1", Owner: "u001", Ends: ends.Add(90 * day)},
		"the same, only longer": {VM: "vm-1", Owner: "U001", Ends: ends.Add(80 * day)},
		// jadm was down when the lease ended, or would have.
		"unseen, perhaps longer": {VM: "vm-1", Owner: "u001", Ends: ends.Add(90 * day)},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, first)
			h.report(ends.Add(-day), "u001", "vm-1", "old")
			began := ends.Add(time.Hour)
			if strings.HasSuffix(name, "longer") {
				began = ends.Add(-time.Hour)
			}
			if got := forgotten(h, ends.Add(-2*time.Hour)); len(got) != 0 {
				t.Errorf("forgotten before: %v", got)
			}
			if strings.HasSuffix(name, "once more") {
				if _, err := h.Warn(t.Context(), ends.Add(time.Minute)); err != nil {
					t.Fatal(err)
				}
			}
			h.Source = leasesOf{second}
			if got := forgotten(h, began); len(got) != 0 {
				t.Errorf("forgotten early: %v", got)
			}
			h.report(began.Add(day), "u003", "vm-1", "new")
			want := []string{"u001"}
			if strings.HasSuffix(name, "longer") {
				want = nil
			}
			if diff := cmp.Diff(want, forgotten(h, began.Add(8*day))); diff != "" {
				t.Errorf("forgotten (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExtend(t *testing.T) {
	ends := at2027(3, 31, 9)
	first, other := Lease{VM: "vm-1", Owner: "u001", Ends: ends}, Lease{VM: "vm-2", Owner: "u002", Ends: ends}
	h := newHouse(t, first, other)
	h.Extend = Extension{Command: []string{"/bin/extend", "--vm={vm}", "{owner}", "{ends}", "{until}"}, By: 7 * day, Most: 2}
	var runs []string
	var failure error
	h.command = func(_ context.Context, argv []string) error {
		runs = append(runs, strings.Join(argv, " "))
		return failure
	}
	h.report(ends.Add(-10*day), "u001", "vm-1", "cfd")
	h.report(ends.Add(-10*day), "u002", "vm-2")
	sweep := func(now time.Time, want ...string) {
		t.Helper()
		got, err := h.Sweep(t.Context(), now)
		if (err != nil) != (failure != nil) {
			t.Fatalf("error is %v", err)
		}
		if failure == nil && !h.DryRun && len(got.Extended) != len(want) {
			t.Errorf("extended are %+v", got.Extended)
		}
		if diff := cmp.Diff(want, runs, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("commands (-want +got):\n%s", diff)
		}
		runs = nil
	}
	sweep(ends.Add(-3 * day))
	h.DryRun = true
	sweep(ends.Add(-2 * day))
	h.DryRun = false
	failure = errors.New("exit status 1")
	sweep(ends.Add(-2*day), "/bin/extend --vm=vm-1 u001 2027-03-31T09:00:00Z 2027-04-07T09:00:00Z")
	failure = nil
	sweep(ends.Add(-2*day), "/bin/extend --vm=vm-1 u001 2027-03-31T09:00:00Z 2027-04-07T09:00:00Z")
	sweep(ends.Add(-day)) // the portal does not say so yet
	first.Ends = ends.Add(7 * day)
	h.Source = leasesOf{first, other}
	sweep(ends)
	sweep(ends.Add(6*day), "/bin/extend --vm=vm-1 u001 2027-04-07T09:00:00Z 2027-04-14T09:00:00Z")
	first.Ends = ends.Add(14 * day)
	h.Source = leasesOf{first, other}
	sweep(ends.Add(13 * day)) // often enough
	if _, err := arguments(h.Extend.Command, Lease{VM: "--all"}, ends); err == nil {
		t.Error("a VM's name was taken as an option")
	}
}

func TestRunCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out")
	if err := runCommand(t.Context(), []string{"/bin/sh", "-c", `printf %s "$1" > "$0"`, file, "$(id); x"}); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "$(id); x" {
		t.Errorf("it got %q, %v", b, err)
	}
	err := runCommand(t.Context(), []string{"/bin/sh", "-c", "yes no such VM | head -c 100000 >&2; exit 3"})
	if err == nil || !strings.Contains(err.Error(), "exit status 3: no such VM") || len(err.Error()) > 2*commandOutput {
		t.Errorf("error is %.300v", err)
	}
}
