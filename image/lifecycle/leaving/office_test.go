package leaving

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/opencontainers/go-digest"
)

// quietLife is a world in which nothing goes wrong by itself.
func quietLife(t *testing.T) *life {
	l := &life{T: t, world: newWorld(rand.New(rand.NewPCG(1, 1))), name: t.Name(), rules: testRules(), seen: map[Stage]bool{}}
	l.now = l.midnight(0).Add(9 * time.Hour)
	for _, id := range []string{who, boss, colleague} {
		l.people[id] = people.Person{ID: id, Name: "Name of " + id, Mail: id + "@example.ac.jp", Supervisor: boss}
	}
	p := l.addProject(who, -1)
	l.addMember(who, who, harbor.UserMember, harbor.ProjectAdmin)
	l.addMember(who, colleague, harbor.UserMember, harbor.Developer)
	p.push("app", "1", 1, 2)
	p.push("app", "2", 1, 3)
	l.addProject(boss, -1)
	l.addProject("lab", -1)
	l.addMember("lab", who, harbor.UserMember, harbor.ProjectAdmin)
	return l
}

// leave orders it for a day, and lets time pass until another.
func (l *life) leave(on, until int, change func(*Order)) *Departure {
	l.Helper()
	o := Order{ID: who, Date: l.midnight(on), By: "suzuki"}
	if change != nil {
		change(&o)
	}
	if _, err := l.office(l.rules).Leave(l.Context(), l.now, o); err != nil {
		l.Fatal(err)
	}
	return l.pass(until)
}

func (l *life) pass(until int) *Departure {
	l.Helper()
	for ; l.day <= until; l.day++ {
		l.now = l.midnight(l.day).Add(9 * time.Hour)
		_ = l.office(l.rules).Round(l.Context(), l.now)
	}
	return l.departure()
}

func TestWhereImagesGo(t *testing.T) {
	for name, tt := range map[string]struct {
		change  func(*life, *Order)
		project string
		archive bool
		why     string
	}{
		"to the supervisor":         {func(*life, *Order) {}, boss, false, "to s001"},
		"no supervisor":             {func(l *life, _ *Order) { l.people[who] = people.Person{ID: who, Name: who} }, "", true, "no supervisor is known"},
		"the supervisor is unknown": {func(l *life, _ *Order) { delete(l.people, boss) }, "", true, "does not know s001"},
		"an account that has ended": {func(l *life, _ *Order) { l.people[boss] = people.Person{ID: boss, Disabled: true} }, "", true, "has ended"},
		"one's own supervisor":      {func(_ *life, o *Order) { o.Choice.Receiver = who }, "", true, "nobody else"},
		"no project":                {func(l *life, _ *Order) { delete(l.projects, boss) }, "", true, "has no project"},
		"somebody else":             {func(l *life, o *Order) { l.addProject(colleague, -1); o.Choice.Receiver = colleague }, colleague, false, "to c001"},
		"ordered":                   {func(_ *life, o *Order) { o.Choice.HandOver = ToArchive }, "", true, "as the rule says"},
		"both":                      {func(_ *life, o *Order) { o.Choice.HandOver = ToBoth }, boss, true, "and into the archive"},
		"cited": {func(l *life, _ *Order) {
			for d := range l.projects[who].repos["app"] {
				l.cited[d] = "a paper"
			}
		}, boss, true, "is cited"},
		"the supervisor leaves, too": {func(l *life, _ *Order) {
			if _, err := l.office(l.rules).Leave(l.Context(), l.now, Order{ID: boss, Date: l.midnight(300), By: "suzuki"}); err != nil {
				l.Fatal(err)
			}
		}, "", true, "leaves, too"},
	} {
		t.Run(name, func(t *testing.T) {
			l := quietLife(t)
			d := l.leave(3, 4, func(o *Order) { tt.change(l, o) })
			if d.Stage != HandedOver || d.Where.Project != tt.project || d.Where.Archive != tt.archive || !strings.Contains(d.Where.Why, tt.why) {
				t.Fatalf("it is %s, %+v", d.Stage, d.Where)
			}
			if p := l.projects[tt.project]; p != nil && len(p.repos["from-"+who+"/app"]) != 2 {
				t.Errorf("the receiver has %v", p.repos)
			}
			if got := strings.HasPrefix(d.Bundles[0].Dir, "/archive/"); got != tt.archive {
				t.Errorf("the bundle is %s", d.Bundles[0].Dir)
			}
		})
	}
}

// TestQuota: what does not fit waits, says what to type, and the administrator hears of
// it after some days, once. Typing it helps.
func TestQuota(t *testing.T) {
	l := quietLife(t)
	l.projects[boss].quota = 100
	d := l.leave(1, 2, nil)
	trouble := d.trouble(handing)
	if d.Stage != Verified || trouble == nil || !strings.Contains(trouble.Why, "do not fit") || !strings.Contains(trouble.Next, "jadm user leave u001 --archive") {
		t.Fatalf("it is %s, %+v", d.Stage, d.Troubles)
	}
	told := func() (n int) {
		for _, letter := range l.sent {
			if letter.Kind == letterTrouble {
				n++
			}
		}
		return n
	}
	if told() != 0 {
		t.Error("the administrator hears of it at once")
	}
	l.pass(9)
	if told() != 1 {
		t.Errorf("the administrator has %d letters", told())
	}
	if _, err := l.office(l.rules).Leave(t.Context(), l.now, Order{ID: who, By: "suzuki", Choice: Choice{HandOver: ToArchive}}); err != nil {
		t.Fatal(err)
	}
	if d = l.pass(10); d.Stage != HandedOver || len(d.Troubles) != 0 || !d.Where.Archive {
		t.Errorf("it is %s, %+v", d.Stage, d.Troubles)
	}
}

// TestOrders: what is refused, and what it says to type.
func TestOrders(t *testing.T) {
	for name, tt := range map[string]struct {
		prepare func(*life)
		order   Order
		says    string
	}{
		"a day that is past":          {func(*life) {}, Order{ID: who, Date: day("2026-12-31")}, "is past"},
		"no date":                     {func(*life) {}, Order{ID: who}, "no date is given"},
		"nobody":                      {func(*life) {}, Order{ID: "u999", Date: day("2027-02-01")}, "nothing of u999"},
		"after it was frozen":         {func(l *life) { l.leave(1, 2, nil) }, Order{ID: who, Date: day("2027-05-01")}, "cannot change any more"},
		"after the hand-over":         {func(l *life) { l.leave(1, 2, nil) }, Order{ID: who, Choice: Choice{HandOver: ToArchive}}, "have been handed over"},
		"somebody unknown takes over": {func(*life) {}, Order{ID: who, Date: day("2027-02-01"), Choice: Choice{Receiver: "s0O1"}}, `nobody called "s0O1"`},
		"who has left takes over": {func(l *life) { l.people[boss] = people.Person{ID: boss, Disabled: true} },
			Order{ID: who, Date: day("2027-02-01"), Choice: Choice{Receiver: boss}}, "cannot take over"},
		"an unknown admin":     {func(*life) {}, Order{ID: who, Date: day("2027-02-01"), Choice: Choice{Admins: map[string]string{"lab": "s0O1"}}}, `nobody called "s0O1"`},
		"an unknown project":   {func(*life) {}, Order{ID: who, Date: day("2027-02-01"), Choice: Choice{Admins: map[string]string{"1ab": boss}}}, "no project 1ab"},
		"the directory is out": {func(l *life) { l.down.directory = true }, Order{ID: who, Date: day("2027-02-01")}, "it is down"},
	} {
		t.Run(name, func(t *testing.T) {
			l := quietLife(t)
			tt.prepare(l)
			_, err := l.office(l.rules).Leave(t.Context(), l.now, tt.order)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("it says %v", err)
			}
			var f *fault.Error
			if errors.As(err, &f) && f.Next == "" {
				t.Error("it does not say what to type")
			}
		})
	}
}

func TestReturns(t *testing.T) {
	l := quietLife(t)
	o := l.office(l.rules)
	var f *fault.Error
	if _, err := o.Return(l.now, who, "suzuki"); !errors.As(err, &f) {
		t.Errorf("who does not leave returns: %v", err)
	}
	l.leave(3, 100, nil)
	_, err := o.Return(l.now, who, "suzuki")
	if !errors.As(err, &f) || !strings.Contains(err.Error(), "undelete period ended") {
		t.Errorf("after the undelete period: %v", err)
	}
}

// TestSecondTime: somebody comes back, and leaves again: other letters, another bundle.
func TestSecondTime(t *testing.T) {
	l := quietLife(t)
	l.leave(1, 2, nil)
	if _, err := l.office(l.rules).Return(l.now, who, "suzuki"); err != nil {
		t.Fatal(err)
	}
	if d := l.pass(3); d.Stage != Returned {
		t.Fatalf("it is %s", d.Stage)
	}
	d := l.leave(10, 100, nil)
	if d.Stage != Done || len(l.shelf) != 0 {
		t.Errorf("it is %s, with %d bundles", d.Stage, len(l.shelf))
	}
	frozen := 0
	for key := range l.sent {
		if strings.HasSuffix(key, "/0-days") {
			frozen++
		}
	}
	if frozen != 2 {
		t.Errorf("there are %d letters of freezing", frozen)
	}
}

// TestLabs: who is the only admin of a shared project is found, and another one is made.
func TestLabs(t *testing.T) {
	l := quietLife(t)
	d := l.leave(3, 0, nil)
	if len(d.Labs) != 1 || d.Labs[0] != (Lab{Project: "lab", Proposed: boss}) {
		t.Fatalf("labs are %+v", d.Labs)
	}
	if _, err := l.office(l.rules).Leave(t.Context(), l.now, Order{ID: who, By: "suzuki", Choice: Choice{Admins: map[string]string{"lab": boss}}}); err != nil {
		t.Fatal(err)
	}
	l.pass(4)
	for name, role := range map[string]harbor.Role{boss: harbor.ProjectAdmin, who: harbor.Guest} {
		if !slices.ContainsFunc(l.projects["lab"].members, func(m harbor.Member) bool { return m.Name == name && m.Role == role }) {
			t.Errorf("%s is no %s: %+v", name, role, l.projects["lab"].members)
		}
	}
}

// TestLetterThatNeverArrives holds nothing up, and is remembered.
func TestLetterThatNeverArrives(t *testing.T) {
	l := quietLife(t)
	o := l.office(l.rules)
	o.Post = undeliverable{}
	if _, err := o.Leave(t.Context(), l.now, Order{ID: who, Date: l.midnight(5), By: "suzuki"}); err != nil {
		t.Fatal(err)
	}
	if err := o.Round(t.Context(), l.now); err != nil {
		t.Fatal(err)
	}
	d := l.departure()
	if len(d.Letters) != 0 || !slices.ContainsFunc(d.History, func(e Event) bool { return strings.Contains(e.What, "cannot be delivered") }) {
		t.Errorf("letters %+v, history %+v", d.Letters, d.History)
	}
}

type undeliverable struct{}

func (undeliverable) Send(context.Context, Letter) error { return ErrUndeliverable }

// TestUnknownDigest: a bundle that lacks an image is no bundle.
func TestLacking(t *testing.T) {
	a, b := digest.FromString("a"), digest.FromString("b")
	if got := lacking([]Image{{Digest: a}, {Digest: b}}, []digest.Digest{b}); got != a {
		t.Errorf("lacking is %q", got)
	}
}

// TestFrozen: who is frozen, from the day on until everything is over or given back.
func TestFrozen(t *testing.T) {
	l := quietLife(t)
	frozen := func() bool {
		projects, ids, err := l.office(l.rules).Frozen()
		if err != nil {
			t.Fatal(err)
		}
		return slices.Contains(projects, who) && slices.Contains(ids, who)
	}
	l.leave(3, 2, nil)
	if frozen() {
		t.Error("before the day it is frozen")
	}
	l.pass(3)
	if !frozen() {
		t.Error("on the day it is not frozen")
	}
	l.pass(40)
	if !frozen() {
		t.Error("what was removed would be made again")
	}
	if _, err := l.office(l.rules).Return(l.now, who, "suzuki"); err != nil {
		t.Fatal(err)
	}
	if l.pass(41); frozen() {
		t.Error("given back it is frozen")
	}
}

// forgetful makes bundles that lack an image, the first times.
type forgetful struct {
	fakeBundler
	times *int
}

func (f forgetful) Make(ctx context.Context, dir string, c Contents) error {
	if *f.times > 0 {
		*f.times--
		c.Images = c.Images[1:]
	}
	return f.fakeBundler.Make(ctx, dir, c)
}

// TestBundleThatLacksAnImage: nothing is handed over before a bundle has it.
func TestBundleThatLacksAnImage(t *testing.T) {
	l := quietLife(t)
	times := 1
	o := l.office(l.rules)
	o.Bundler = forgetful{fakeBundler{l.world}, &times}
	if _, err := o.Leave(t.Context(), l.now, Order{ID: who, Date: l.midnight(0), By: "suzuki"}); err != nil {
		t.Fatal(err)
	}
	if err := o.Round(t.Context(), l.now); err != nil {
		t.Fatal(err)
	}
	d := l.departure()
	if d.Stage != HandedOver || len(d.Bundles) != 1 || len(l.shelf[d.Bundles[0].Dir].images) != 2 {
		t.Errorf("it is %s, %+v", d.Stage, d.Bundles)
	}
}

// TestJobs: images that jobs run in are not removed before they end, and no trouble is
// made of it.
func TestJobs(t *testing.T) {
	l := quietLife(t)
	l.site[who] = map[digest.Digest]bool{}
	for d := range l.projects[who].repos["app"] {
		l.site[who][d], l.jobs[d] = true, true
	}
	d := l.leave(1, 40, nil)
	if d.Stage != HandedOver || d.Waiting == "" || len(d.Troubles) != 0 || l.projects[who] == nil {
		t.Fatalf("with jobs it is %s, %q, %+v", d.Stage, d.Waiting, d.Troubles)
	}
	l.jobs = map[digest.Digest]bool{}
	if d = l.pass(41); d.Stage != Certified || d.Waiting != "" || len(l.site[who]) != 0 {
		t.Errorf("without it is %s, %q, with %d converted images", d.Stage, d.Waiting, len(l.site[who]))
	}
}

// TestWrongClock: a machine whose clock has jumped to another year freezes nobody, and sends
// no notices. A Harbor that cannot tell the time is no reason.
func TestWrongClock(t *testing.T) {
	l := quietLife(t)
	if _, err := l.office(l.rules).Leave(t.Context(), l.now, Order{ID: who, Date: l.midnight(100), By: "suzuki"}); err != nil {
		t.Fatal(err)
	}
	o := l.office(l.rules)
	o.Clock = func(context.Context) (time.Time, error) { return l.now, nil }
	if err := o.Round(t.Context(), l.now.AddDate(1, 0, 0)); !errors.Is(err, ErrClock) {
		t.Errorf("a year ahead: %v", err)
	}
	if d := l.departure(); d.Stage != Scheduled || len(l.sent) != 0 {
		t.Errorf("it is %s, with %d letters", d.Stage, len(l.sent))
	}
	if err := o.Round(t.Context(), l.now.Add(time.Minute)); err != nil {
		t.Errorf("a minute ahead: %v", err)
	}
	o.Clock = func(context.Context) (time.Time, error) { return time.Time{}, errors.New("it is down") }
	if err := o.Round(t.Context(), l.now.AddDate(1, 0, 0)); err != nil {
		t.Errorf("without Harbor's clock: %v", err)
	}
}

// TestCertificateDays: a certificate's days are those of the place, and not of Greenwich.
func TestCertificateDays(t *testing.T) {
	l := quietLife(t)
	tokyo := time.FixedZone("JST", 9*3600)
	early := time.Date(2026, 11, 29, 23, 30, 0, 0, time.UTC)
	d := &Departure{
		Person: l.people[who], Project: who, Date: time.Date(2027, 3, 31, 0, 0, 0, 0, tokyo), Ordered: early, FrozenAt: early, Removed: early,
		Before: &Before{}, Where: &Where{HandedOver: early}, Bundles: []Bundle{{Made: early, Verified: early}},
	}
	c, err := l.office(l.rules).draw(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	for what, at := range map[string]time.Time{"ordered": c.Ordered, "frozen": c.Frozen, "handed over": c.HandedOver, "removed": c.Removed, "read back": c.Bundles[0].Verified} {
		if got := at.Format(time.DateOnly); got != "2026-11-30" {
			t.Errorf("%s on %s", what, got)
		}
	}
	if got := c.Undelete.Format(time.DateOnly); got != "2026-12-30" {
		t.Errorf("to be had back until %s", got)
	}
}

// TestFileNames: no two people have one place for their bundles, and none leads elsewhere.
func TestFileNames(t *testing.T) {
	seen := map[string]string{}
	for _, id := range []string{"u001", "taro.s", "taro_s", "taro-s", "taro s", "taro/s", "..", "../x", "山田", "山由", "_2e", "."} {
		name := fileName(id)
		if other, ok := seen[name]; ok {
			t.Errorf("%q and %q are both %s", id, other, name)
		}
		seen[name] = id
		if strings.ContainsAny(name, "/.") || name == "" {
			t.Errorf("%q is %q", id, name)
		}
	}
	if got := fileName("20260001"); got != "20260001" {
		t.Errorf("a student's number is %s", got)
	}
}
