package provenance

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/store"
)

func newBook(t testing.TB) (Book, *[]string) {
	t.Helper()
	st, err := store.Open(filepath.Join(t.TempDir(), "store"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	warnings := &[]string{}
	return Book{Store: st, Warn: func(err error) { *warnings = append(*warnings, err.Error()) }}, warnings
}

// put writes a run of a command in a job.
func (b Book) put(t testing.TB, job string, at time.Time, command string) {
	t.Helper()
	r := sample()
	r.Job, r.Started, r.Command.Arguments = job, at, []string{command}
	if err := b.Write(r, func(*Record) {}); err != nil {
		t.Fatal(err)
	}
}

func TestWriteOnce(t *testing.T) {
	b, _ := newBook(t)
	var ranks sync.WaitGroup
	for rank := range 32 {
		ranks.Go(func() {
			r := sample()
			r.Started = r.Started.Add(time.Duration(rank))
			r.Environment = append(r.Environment, Variable{Name: "CUDA_VISIBLE_DEVICES", Value: string(rune('0' + rank)), From: FromHost})
			if err := b.Write(r, func(*Record) {}); err != nil {
				t.Error(err)
			}
		})
	}
	ranks.Wait()
	job, err := b.Find("4711")
	if err != nil || len(job.Runs) != 1 {
		t.Errorf("32 ranks have %d records, %v", len(job.Runs), err)
	}
	if err := b.Write(sample(), func(*Record) { t.Error("a late rank finds out what is not needed") }); err != nil {
		t.Error(err)
	}
}

func commands(jobs []Job) []string {
	list := []string{}
	for _, j := range jobs {
		words := []string{j.Job}
		for _, r := range j.Runs {
			words = append(words, r.Command.Arguments[0])
		}
		list = append(list, strings.Join(words, " "))
	}
	return list
}

func TestHistoryOverMonths(t *testing.T) {
	b, warnings := newBook(t)
	turn := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	b.put(t, "1.pbs", turn.AddDate(0, -3, 0), "old") // the batch system has begun to count again
	b.put(t, "2.pbs", turn.Add(-time.Hour), "a")
	b.put(t, "1.pbs", turn.Add(-time.Second), "x") // over the turn of the month
	b.put(t, "1.pbs", turn.Add(time.Second), "x")
	b.put(t, "1.pbs", turn.Add(time.Minute), "y")
	b.put(t, "3.pbs", turn.Add(time.Hour), "b")
	all := func(Record) bool { return true }
	jobs, err := b.Latest(10, all)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"3.pbs b", "1.pbs x y", "2.pbs a", "1.pbs old"}
	if diff := cmp.Diff(want, commands(jobs)); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	if got := jobs[1].Runs[0].Started; !got.Equal(turn.Add(-time.Second)) {
		t.Errorf("the run began at %v", got)
	}
	jobs, err = b.Latest(2, all)
	if diff := cmp.Diff(want[:2], commands(jobs)); diff != "" || err != nil {
		t.Errorf("two of the history (-want +got):\n%s%v", diff, err)
	}
	jobs, err = b.Latest(10, func(r Record) bool { return r.Command.Arguments[0] == "y" })
	if diff := cmp.Diff([]string{"1.pbs x y"}, commands(jobs)); diff != "" || err != nil {
		t.Errorf("some of the history (-want +got):\n%s%v", diff, err)
	}
	job, err := b.Find("1.pbs")
	if diff := cmp.Diff([]string{"1.pbs x y"}, commands([]Job{job})); diff != "" || err != nil {
		t.Errorf("the latest of that id (-want +got):\n%s%v", diff, err)
	}
	if len(*warnings) != 0 {
		t.Errorf("warnings: %v", *warnings)
	}
}

// TestHistoryReadsOnlyTheMonthsItNeeds makes an older month that cannot be read.
func TestHistoryReadsOnlyTheMonthsItNeeds(t *testing.T) {
	b, warnings := newBook(t)
	b.put(t, "2.pbs", testTime, "a")
	b.put(t, "1.pbs", testTime.AddDate(-1, 0, 0), "b")
	old := filepath.Join(b.Store.Realm(), "records", "2025-11", "1.pbs")
	if err := os.WriteFile(filepath.Join(old, "bad.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	all := func(Record) bool { return true }
	if jobs, err := b.Latest(1, all); err != nil || len(jobs) != 1 || len(*warnings) != 0 {
		t.Errorf("got %v, %v; warnings: %v", commands(jobs), err, *warnings)
	}
	if jobs, err := b.Latest(2, all); err != nil || len(jobs) != 2 || len(*warnings) != 1 {
		t.Errorf("got %v, %v; warnings: %v", commands(jobs), err, *warnings)
	}
}

func TestUnreadableRecordsAreLeftOut(t *testing.T) {
	b, warnings := newBook(t)
	b.put(t, "1.pbs", testTime, "good")
	dir := filepath.Join(b.Store.Realm(), "records", testTime.Format("2006-01"))
	for name, text := range map[string]string{
		"1.pbs/empty.json": "", "1.pbs/cut.json": `{"version":1,"job":"1.p`, "1.pbs/newer.json": `{"version":2}`, "1.pbs/digest.json": `{"version":1,"job":"1.pbs","started":"2026-11-28T00:00:00Z","image":{"digest":"sha256:x"}}`,
		"2.pbs/cut.json": "{",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	jobs, err := b.Latest(10, func(Record) bool { return true })
	if diff := cmp.Diff([]string{"1.pbs good"}, commands(jobs)); diff != "" || err != nil {
		t.Errorf("(-want +got):\n%s%v", diff, err)
	}
	if len(*warnings) != 5 {
		t.Errorf("5 records cannot be read; warnings: %q", *warnings)
	}
}

func TestFind(t *testing.T) {
	b, _ := newBook(t)
	for _, id := range []string{"123.pbs", "1234.pbs", "13[4].pbs", "7kqm2xpa.login1", strings.Repeat("long", 30) + "a", strings.Repeat("long", 30) + "b"} {
		b.put(t, id, testTime, "x")
	}
	tests := map[string]string{
		"123": "123.pbs", "123.pbs": "123.pbs", "123.": "123.pbs", "1234": "1234.pbs", "13": "13[4].pbs", "13[4]": "13[4].pbs", "7k": "7kqm2xpa.login1",
		strings.Repeat("long", 30) + "b": strings.Repeat("long", 30) + "b",
		"12":                             "", "long": "", "9": "", "": "", "123.pbs2": "", "13_4_": "",
	}
	for name, want := range tests {
		job, err := b.Find(name)
		if job.Job != want || (err == nil) != (want != "") {
			t.Errorf("%q finds %q, %v; want %q", name, job.Job, err, want)
		}
	}
}

// BenchmarkWrite is what the first process of a job pays, and BenchmarkWritten
// what the others pay.
func BenchmarkWrite(b *testing.B) {
	book, _ := newBook(b)
	book.put(b, "0", testTime, "x")
	r := sample()
	for i := 0; b.Loop(); i++ {
		r.Job = string(rune('a'+i%26)) + time.Duration(i).String()
		if err := book.Write(r, func(r *Record) { r.Machine = ThisMachine("/", "") }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWritten(b *testing.B) {
	book, _ := newBook(b)
	book.put(b, sample().Job, testTime, sample().Command.Arguments[0])
	r := sample()
	if err := book.Write(r, func(*Record) {}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := book.Write(r, func(*Record) { b.Error("written again") }); err != nil {
			b.Fatal(err)
		}
	}
}
