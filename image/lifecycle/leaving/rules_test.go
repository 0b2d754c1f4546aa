package leaving

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/opencontainers/go-digest"
)

var update = flag.Bool("update", false, "write golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func day(text string) time.Time {
	t, err := time.Parse(dateLayout, text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestNotices(t *testing.T) {
	date := day("2027-03-31")
	for name, tt := range map[string]struct {
		now  string
		days []int
		want int
	}{
		"long before":         {"2026-12-01", []int{90, 30, 7}, 0},
		"on the first day":    {"2026-12-31", []int{90, 30, 7}, 90},
		"between":             {"2027-02-15", []int{90, 30, 7}, 90},
		"the second":          {"2027-03-01", []int{90, 30, 7}, 30},
		"late: one, not two":  {"2027-03-10", []int{90, 30, 7}, 30},
		"very late":           {"2027-03-30", []int{90, 30, 7}, 7},
		"on the date":         {"2027-03-31", []int{90, 30, 7}, 0},
		"after it":            {"2027-04-01", []int{90, 30, 7}, 0},
		"in any order":        {"2027-03-01", []int{7, 90, 30}, 30},
		"a site without them": {"2027-03-30", []int{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := testRules()
			r.NoticeDays = tt.days
			if got := r.notice(date, day(tt.now)); got != tt.want {
				t.Errorf("it is the notice of %d days, not %d", got, tt.want)
			}
		})
	}
}

func TestDue(t *testing.T) {
	r := testRules()
	d := &Departure{Date: day("2027-03-31")}
	if got := r.due(d); !got.Equal(day("2027-04-30")) {
		t.Errorf("it is due at %s", got)
	}
	d.FrozenAt = day("2027-06-01").Add(9 * time.Hour) // jadm did not run for two months
	if got := r.due(d); !got.Equal(d.FrozenAt.Add(settle)) {
		t.Errorf("frozen late it is due at %s", got)
	}
}

// TestOneTagHasOneImage: of a tag that has moved, the later bundle is right.
func TestOneTagHasOneImage(t *testing.T) {
	a, b := digest.FromString("a"), digest.FromString("b")
	made := day("2027-01-01")
	d := &Departure{Bundles: []Bundle{
		{Made: made, Images: []Image{{Repository: "app", Digest: a, Tags: []string{"1", "old"}}}},
		{Made: made, Images: []Image{{Repository: "app", Digest: b, Tags: []string{"1"}}}},
		{Images: []Image{{Repository: "begun", Digest: b, Tags: []string{}}}},
	}}
	got := map[string][]string{}
	for _, i := range d.Images() {
		got[i.key()] = i.Tags
	}
	if diff := cmp.Diff(map[string][]string{"app@" + a.String(): {"old"}, "app@" + b.String(): {"1"}}, got); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
}

// examples are departures at all stages.
func examples() map[string]*Departure {
	at := func(stage Stage, change func(*Departure)) *Departure {
		d := &Departure{
			Person: people.Person{ID: "20260001", Name: "Hanako", Mail: "h@example.ac.jp", Supervisor: "tanaka"}, Project: "20260001", Date: day("2027-03-31"), Ordered: day("2026-11-01"),
			OrderedBy: "suzuki", Stage: stage, Since: day("2026-11-01"),
		}
		if change != nil {
			change(d)
		}
		return d
	}
	kept := func(d *Departure) {
		d.Removed = day("2027-04-30")
		d.Where = &Where{Receiver: people.Person{ID: "tanaka", Name: "Tanaka"}, Project: "tanaka", Why: "to tanaka", HandedOver: day("2027-03-31")}
	}
	return map[string]*Departure{
		"scheduled":   at(Scheduled, nil),
		"late":        at(Scheduled, func(d *Departure) { d.Date = day("2027-01-20") }),
		"archived":    at(Scheduled, func(d *Departure) { d.Choice.HandOver, d.Noticed = ToArchive, 90 }),
		"frozen":      at(Frozen, func(d *Departure) { d.FrozenAt = day("2027-03-31") }),
		"handed over": at(HandedOver, kept0),
		"jobs":        at(HandedOver, func(d *Departure) { kept0(d); d.Waiting = "the removal waits for jobs" }),
		"certified":   at(Certified, kept),
		"returning":   at(Returning, nil),
		"done":        at(Done, kept),
	}
}

func kept0(d *Departure) {
	d.FrozenAt = day("2027-03-31")
	d.Where = &Where{Archive: true, Why: "into the archive: no supervisor is known", HandedOver: day("2027-03-31")}
}

func TestCalendar(t *testing.T) {
	r := testRules()
	b := &strings.Builder{}
	all := examples()
	for _, name := range sortedKeys(all) {
		d := all[name]
		b.WriteString(name + "\n")
		now := day("2027-01-15")
		if d.Stage != Scheduled {
			now = day("2027-05-02")
		}
		for _, e := range r.Calendar(d, now) {
			b.WriteString("  " + e.Time.Format(dateLayout) + "  " + e.What + "\n")
		}
	}
	golden(t, "calendar.txt", b.String())
}

// TestCalendarIsTrue: what the calendar says is what rounds then do, to the day.
func TestCalendarIsTrue(t *testing.T) {
	l := quietLife(t)
	o := l.office(l.rules)
	d, err := o.Leave(t.Context(), l.now, Order{ID: who, Date: l.midnight(100), By: "suzuki"})
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for _, e := range l.rules.Calendar(d, l.now) {
		said[e.Time.Format(dateLayout)] = true
	}
	did := map[string]bool{}
	for ; l.day < 200; l.day++ {
		before := len(l.departure().History)
		l.now = l.midnight(l.day)
		if l.day == 0 {
			l.now = d.Ordered
		}
		if err := l.office(l.rules).Round(t.Context(), l.now); err != nil {
			t.Fatal(err)
		}
		if len(l.departure().History) > before {
			did[l.now.Format(dateLayout)] = true
		}
	}
	if diff := cmp.Diff(said, did); diff != "" {
		t.Errorf("days on which something happens (-said +done):\n%s", diff)
	}
}

// TestDocument: what is written is read again.
func TestDocument(t *testing.T) {
	for name, d := range examples() {
		b, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var back Departure
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(*d, back); diff != "" {
			t.Errorf("%s (-was +is):\n%s", name, diff)
		}
	}
}
