package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var recordTime = time.Date(2026, 11, 30, 23, 59, 59, 0, time.UTC)

func content(text string) func() ([]byte, error) {
	return func() ([]byte, error) { return []byte(text), nil }
}

func TestRecordOnceAmongMany(t *testing.T) {
	s := newStore(t)
	var won, made atomic.Int32
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			first, err := s.RecordOnce(recordTime, "12.pbs", "key", func() ([]byte, error) {
				made.Add(1)
				return fmt.Appendf(nil, "by %d", i), nil
			})
			if err != nil {
				t.Error(err)
			}
			if first {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 32 have written the record", won.Load())
	}
	before := made.Load()
	if first, err := s.RecordOnce(recordTime, "12.pbs", "key", func() ([]byte, error) { made.Add(1); return nil, nil }); first || err != nil {
		t.Errorf("a later process: %v, %v", first, err)
	}
	if made.Load() != before {
		t.Error("a later process has made a record that was there")
	}
	if diff := cmp.Diff([]string{"key.json"}, files(t, s)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestRecordsByMonth(t *testing.T) {
	s := newStore(t)
	for _, r := range []struct {
		at       time.Time
		job, key string
	}{{recordTime, "12.pbs", "a"}, {recordTime.Add(time.Second), "12.pbs", "b"}, {recordTime, "13[4].pbs", "c"}} {
		if won, err := s.RecordOnce(r.at, r.job, r.key, content(r.key)); !won || err != nil {
			t.Fatal(won, err)
		}
	}
	months, err := s.RecordMonths()
	if diff := cmp.Diff([]string{"2026-12", "2026-11"}, months); diff != "" || err != nil {
		t.Errorf("months (-want +got):\n%s%v", diff, err)
	}
	for begun, want := range map[string]int{"": 2, "1": 2, "12": 1, "13[": 1, "13[4].pbs": 1, "2": 0} {
		dirs, err := s.RecordDirs("2026-11", begun)
		if len(dirs) != want || err != nil {
			t.Errorf("%q begins %v, %v; want %d", begun, dirs, err, want)
		}
	}
	records, err := s.Records("2026-12", "12.pbs")
	if err != nil || len(records) != 1 || string(records[0].Content) != "b" {
		t.Errorf("December has %v, %v", records, err)
	}
	if records, err := s.Records("2027-01", "12.pbs"); records != nil || err != nil {
		t.Errorf("January has %v, %v", records, err)
	}
}

func TestRecordLimit(t *testing.T) {
	s := newStore(t)
	for i := range RecordLimit {
		if won, err := s.RecordOnce(recordTime, "job", fmt.Sprint(i), content("x")); !won || err != nil {
			t.Fatal(won, err)
		}
	}
	if won, err := s.RecordOnce(recordTime, "job", "more", content("x")); won || !errors.Is(err, ErrTooMany) {
		t.Errorf("one more: %v, %v", won, err)
	}
	if won, err := s.RecordOnce(recordTime, "other", "more", content("x")); !won || err != nil {
		t.Errorf("another job: %v, %v", won, err)
	}
}

// TestRecordsLeftHalfMade looks for what a process that was killed while it wrote
// a record has left.
func TestRecordsLeftHalfMade(t *testing.T) {
	s := newStore(t)
	if _, err := s.RecordOnce(recordTime, "job", "key", content("x")); err != nil {
		t.Fatal(err)
	}
	f, err := s.createTemporary(s.own.records(), "once")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := s.temporaries(); len(got) != 1 {
		t.Errorf("left over: %v", got)
	}
	old := time.Now().Add(-2 * foreignGrace)
	stranger := filepath.Join(s.own.records(), temporaryPrefix+"once@000000000000.1.1@x")
	if err := os.WriteFile(stranger, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(stranger, old, old); err != nil {
		t.Fatal(err)
	}
	s.sweep()
	if diff := cmp.Diff([]string{f.Name()}, s.temporaries()); diff != "" {
		t.Errorf("after sweeping (-want +got):\n%s", diff)
	}
}

func TestRecordsOfAStoreThatCannotBeWritten(t *testing.T) {
	s := newStore(t)
	if err := os.MkdirAll(filepath.Dir(s.Realm()), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.Realm(), nil, 0o600); err != nil { // no directory, also for root
		t.Fatal(err)
	}
	if won, err := s.RecordOnce(recordTime, "job", "key", content("x")); won || err == nil {
		t.Errorf("got %v, %v", won, err)
	}
}

func TestRecordsAreRefusedThatOthersCouldHaveWritten(t *testing.T) {
	s := newStore(t)
	if _, err := s.RecordOnce(recordTime, "job", "key", content("x")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(s.own.records(), 0o777); err != nil {
		t.Fatal(err)
	}
	_, err := Open(s.Root(), Options{})
	wantFault(t, err, ErrUntrusted)
}

// Ids of jobs may be anything; each must be found by its beginning.
func TestRecordsOfStrangeJobs(t *testing.T) {
	s := newStore(t)
	for _, job := range []string{"../../a/b", ".hidden", "..", "a b\n\x1b[31m", "1[2].pbs"} {
		if _, err := s.RecordOnce(recordTime, job, "key", content("x")); err != nil {
			t.Fatal(err)
		}
		for _, begun := range []string{job, job[:1], job[:2]} {
			if dirs, err := s.RecordDirs("2026-11", begun); err != nil || len(dirs) == 0 {
				t.Errorf("%q is not found by %q: %v", job, begun, err)
			}
		}
	}
}
