package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/presence"
	"github.com/opencontainers/go-digest"
)

func TestSelect(t *testing.T) {
	now := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	c := func(name digest.Digest, size int64, days int) Candidate {
		return Candidate{Digest: name, SizeBytes: size, LastUsed: now.Add(-time.Duration(days) * day)}
	}
	used, pinned := c("used", 10, 400), c("pinned", 10, 500)
	used.Users, pinned.Pin = 2, &Pin{Reason: "cited"}
	all := []Candidate{c("new", 10, 1), c("old", 10, 100), used, c("older", 10, 200), pinned}
	for name, tt := range map[string]struct {
		policy Policy
		want   []digest.Digest
	}{
		"no limits":           {Policy{}, nil},
		"unused for long":     {Policy{UnusedFor: 100 * day}, []digest.Digest{"older", "old"}},
		"unused for longer":   {Policy{UnusedFor: 101 * day}, []digest.Digest{"older"}},
		"all fit":             {Policy{MaxBytes: 50}, nil},
		"one too many":        {Policy{MaxBytes: 49}, []digest.Digest{"older"}},
		"two too many":        {Policy{MaxBytes: 39}, []digest.Digest{"older", "old"}},
		"nothing fits":        {Policy{MaxBytes: 1}, []digest.Digest{"older", "old", "new"}},
		"age makes room":      {Policy{MaxBytes: 40, UnusedFor: 150 * day}, []digest.Digest{"older"}},
		"both":                {Policy{MaxBytes: 30, UnusedFor: 150 * day}, []digest.Digest{"older", "old"}},
		"used in the future?": {Policy{UnusedFor: 365 * day}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []digest.Digest
			verdicts := Select(all, tt.policy, now)
			for _, v := range verdicts {
				if v.Remove {
					got = append(got, v.Digest)
				}
				if v.Why == "" {
					t.Errorf("no reason for %s", v.Digest)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if len(verdicts) != len(all) {
				t.Errorf("%d verdicts for %d objects", len(verdicts), len(all))
			}
		})
	}
}

// useOnce takes a lease and ends it, at a time in the past.
func useOnce(t *testing.T, s *Store, o Object, at time.Time) {
	t.Helper()
	f, err := s.OpenFile(o)
	check(t, err)
	defer f.Close()
	lease, err := s.Lease(o, f, "job")
	check(t, err)
	check(t, presence.Sign{Ended: true}.Write(lease))
	check(t, lease.Close())
	check(t, os.Chtimes(lease.Name(), at, at))
	stem, err := fileStem(o.Digest)
	check(t, err)
	check(t, os.Chtimes(filepath.Join(s.own.leases(), stem+usedSuffix), at, at))
	check(t, os.Chtimes(o.Path, at, at))
}

func TestCollect(t *testing.T) {
	s := newStore(t)
	long := time.Now().Add(-100 * 24 * time.Hour)
	old, pinned, running, fresh := put(t, s, digest.FromString("old"), "1"), put(t, s, digest.FromString("pinned"), "22"), put(t, s, digest.FromString("running"), "333"), put(t, s, digest.FromString("fresh"), "4444")
	check(t, s.SetRef(Ref{Name: "reg.example/old:1", Digest: old.Digest, Resolved: old.Digest, Time: long}))
	for _, o := range []Object{old, pinned, running} {
		useOnce(t, s, o, long)
	}
	check(t, s.SetPin(Pin{Digest: pinned.Digest, Reason: "cited", Time: time.Now()}))
	file, err := s.OpenFile(running)
	check(t, err)
	defer file.Close()
	lease, err := s.Lease(running, file, "7.pbs")
	check(t, err)
	defer lease.Close()

	policy := Policy{UnusedFor: 30 * 24 * time.Hour, UndeleteFor: time.Hour, DryRun: true}
	dry, err := Collect(t.Context(), []*Store{s}, policy)
	check(t, err)
	if got := removedBy(dry); !cmp.Equal(got, []digest.Digest{old.Digest}) {
		t.Errorf("a dry run names %v", got)
	}
	if _, err := s.Get(old.Digest); err != nil {
		t.Errorf("a dry run removed: %v", err)
	}
	policy.DryRun = false
	report, err := Collect(t.Context(), []*Store{s}, policy)
	check(t, err)
	if got := removedBy(report); !cmp.Equal(got, []digest.Digest{old.Digest}) {
		t.Errorf("removed %v", got)
	}
	if _, err := s.Get(old.Digest); !errors.Is(err, ErrNotFound) {
		t.Errorf("it is still there: %v", err)
	}
	for _, o := range []Object{pinned, running, fresh} {
		if _, err := s.Get(o.Digest); err != nil {
			t.Errorf("%s: %v", o.Digest, err)
		}
	}
	if len(report.Deleted) != 1 || len(report.Purged) != 0 {
		t.Errorf("deleted %v, purged %v", report.Deleted, report.Purged)
	}

	check(t, s.Undelete(old.Digest))
	if o, err := s.Get(old.Digest); err != nil || o.Meta.Reference != old.Meta.Reference {
		t.Errorf("undeleted: %+v, %v", o, err)
	}
	again, err := Collect(t.Context(), []*Store{s}, policy)
	check(t, err)
	if got := removedBy(again); len(got) != 0 {
		t.Errorf("what was given back is removed again at once: %v", got)
	}
	if err := s.Undelete(old.Digest); !errors.Is(err, ErrNotFound) {
		t.Errorf("undeleting twice: %v", err)
	}

	policy = Policy{MaxBytes: 1}
	report, err = Collect(t.Context(), []*Store{s}, policy)
	check(t, err)
	if got := removedBy(report); len(got) != 2 || len(report.Purged) != 2 {
		t.Errorf("removed %v, purged %v", got, report.Purged)
	}
	left, err := s.List()
	check(t, err)
	if len(left) != 2 {
		t.Errorf("left: %v", left)
	}
}

func removedBy(r Report) []digest.Digest {
	var removed []digest.Digest
	for _, v := range r.Verdicts {
		if v.Remove {
			removed = append(removed, v.Digest)
		}
	}
	return removed
}

// TestStartWhileCollected: at every step of the removal a job may start. It has
// the file, or is told to look again.
func TestStartWhileCollected(t *testing.T) {
	for _, at := range []string{"remove", "removed"} {
		for _, opened := range []bool{false, true} {
			s := newStore(t)
			o := put(t, s, digest.FromString("m"), "content")
			useOnce(t, s, o, time.Now().Add(-time.Hour))
			job := *s
			file, err := job.OpenFile(o)
			check(t, err)
			if !opened {
				check(t, file.Close())
			}
			var leaseErr error
			var lease *os.File
			s.step = func(name string) {
				if name != at {
					return
				}
				if !opened {
					if file, leaseErr = job.OpenFile(o); leaseErr != nil {
						return
					}
				}
				lease, leaseErr = job.Lease(o, file, "job")
			}
			_, err = Collect(t.Context(), []*Store{s}, Policy{UnusedFor: time.Minute})
			check(t, err)
			switch {
			case leaseErr == nil:
				if b, err := os.ReadFile(o.Path); err != nil || string(b) != "content" {
					t.Errorf("%s, opened %v: the job runs, and its image reads %q, %v", at, opened, b, err)
				}
				check(t, lease.Close())
			case !errors.Is(leaseErr, ErrNotFound):
				t.Errorf("%s, opened %v: %v", at, opened, leaseErr)
			}
			if leaseErr == nil {
				check(t, file.Close())
			}
		}
	}
}

// TestWantedAgain: an image that was removed and is made again comes back from
// the deleted ones.
func TestWantedAgain(t *testing.T) {
	s := newStore(t)
	o := put(t, s, digest.FromString("m"), "content")
	useOnce(t, s, o, time.Now().Add(-time.Hour))
	_, err := Collect(t.Context(), []*Store{s}, Policy{UnusedFor: time.Minute, UndeleteFor: time.Hour})
	check(t, err)
	if _, err := s.Get(o.Digest); !errors.Is(err, ErrNotFound) {
		t.Fatalf("it is still there: %v", err)
	}
	if _, err := s.Create(t.Context(), o.Digest, nil); !errors.Is(err, ErrExists) {
		t.Errorf("making it: %v", err)
	}
	if _, err := s.Get(o.Digest); err != nil {
		t.Error(err)
	}
}

func TestLeases(t *testing.T) {
	s := newStore(t)
	o := put(t, s, digest.FromString("m"), "content")
	file, err := s.OpenFile(o)
	check(t, err)
	defer file.Close()
	lease, err := s.Lease(o, file, "7.pbs")
	check(t, err)
	defer lease.Close()
	old := time.Now().Add(-2 * leaseGrace)
	foreign := presence.Owner{Machine: "0123456789ab", PID: 1, Start: 1}
	for _, tt := range []struct {
		name string
		sign presence.Sign
		old  bool
		live int
	}{
		{"of a living process", presence.Sign{Owner: presence.Self()}, false, 1},
		{"of a living process that cannot write any more", presence.Sign{Owner: presence.Self()}, true, 1},
		{"ended", presence.Sign{Owner: presence.Self(), Ended: true}, false, 0},
		{"of a dead process", presence.Sign{Owner: deadOwner()}, false, 0},
		{"of another machine", presence.Sign{Owner: foreign}, false, 1},
		{"of another machine, silent for long", presence.Sign{Owner: foreign}, true, 0},
	} {
		check(t, tt.sign.Write(lease))
		if tt.old {
			check(t, os.Chtimes(lease.Name(), old, old))
		}
		if n, err := s.users(o.Digest); err != nil || n != tt.live {
			t.Errorf("%s: %d users, %v; want %d", tt.name, n, err, tt.live)
		}
	}
	check(t, lease.Truncate(3))
	if n, err := s.users(o.Digest); err != nil || n != 1 {
		t.Errorf("unreadable and young: %d users, %v; want 1", n, err)
	}
	check(t, os.Chtimes(lease.Name(), old, old))
	s.sweepThoroughly(t.Context())
	if _, err := os.Stat(lease.Name()); err == nil {
		t.Error("unreadable and old: it is still there")
	}
}

// TestJobRefIsSettledOnce: of many processes one decides.
func TestJobRefIsSettledOnce(t *testing.T) {
	s := newStore(t)
	results := make(chan JobRef)
	asked := 0
	for range 8 {
		go func() {
			r, err := s.AskOnce(t.Context(), "7.pbs", "reg.example/app:1", func() error { return nil }, func() (JobRef, error) {
				asked++ // one at a time, says the claim
				time.Sleep(5 * time.Millisecond)
				return JobRef{Ref: Ref{Name: "reg.example/app:1", Digest: digest.FromString(time.Now().String())}}, nil
			})
			if err != nil {
				t.Error(err)
			}
			results <- r
		}()
	}
	first := <-results
	for range 7 {
		if r := <-results; r.Digest != first.Digest || r.Digest == "" {
			t.Errorf("got %s and %s", r.Digest, first.Digest)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	if _, err := s.JobRef("8.pbs", "reg.example/app:1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("another job: %v", err)
	}
	for _, job := range []string{"..", "a/b", "", "x\x00y"} {
		r := JobRef{Ref: Ref{Name: "n", Digest: first.Digest}}
		if got, err := s.SettleJobRef(job, r); err != nil || got.Digest != first.Digest {
			t.Errorf("job %q: %v", job, err)
		}
	}
}

// TestTreesAreForgotten: the state of a script that has ended goes with the next
// one's; that of a batch job, or of a living script, stays.
func TestTreesAreForgotten(t *testing.T) {
	s := newStore(t)
	d := digest.FromString("m")
	living, batch := TreeJob(presence.Self()), "7.pbs"
	for _, job := range []string{TreeJob(deadOwner()), batch, living} {
		_, err := s.SettleJobRef(job, JobRef{Ref: Ref{Name: "n", Digest: d}})
		check(t, err)
	}
	for job, want := range map[string]bool{TreeJob(deadOwner()): false, batch: true, living: true} {
		_, err := s.JobRef(job, "n")
		if got := err == nil; got != want {
			t.Errorf("job %s is known: %v, want %v", job, got, want)
		}
	}
}

// TestUnpublishedIsSwept: what a process was about to publish when it was killed goes
// with the next that is published there; what a living one is about to publish stays.
func TestUnpublishedIsSwept(t *testing.T) {
	s := newStore(t)
	check(t, s.makeRealm())
	for dir, publish := range map[string]func() error{
		s.own.jobs(): func() error {
			_, err := s.SettleJobRef("8.pbs", JobRef{Ref: Ref{Name: "n", Digest: digest.FromString("m")}})
			return err
		},
		s.own.leases(): func() error {
			c, err := s.takeClaim("ask-8", 1)
			if err == nil {
				c.release()
			}
			return err
		},
		s.own.records(): func() error {
			_, err := s.RecordOnce(recordTime, "8.pbs", "key", content("x"))
			return err
		},
	} {
		var paths []string
		for _, owner := range []presence.Owner{deadOwner(), presence.Self()} {
			path := filepath.Join(dir, temporaryPrefix+"once@"+owner.String()+"@X")
			check(t, os.WriteFile(path, nil, 0o600))
			paths = append(paths, path)
		}
		check(t, publish())
		for i, want := range []bool{false, true} {
			if _, err := os.Lstat(paths[i]); (err == nil) != want {
				t.Errorf("%s is there: %v, want %v", paths[i], !want, want)
			}
		}
	}
}

// TestMadeAgainWhileRemoved: whoever makes the object again, at any step of its
// removal, has it whole.
func TestMadeAgainWhileRemoved(t *testing.T) {
	d := digest.FromString("m")
	for _, at := range []string{"remove", "removed", "taken"} {
		s := newStore(t)
		put(t, s, d, "old")
		maker := *s
		s.step = func(name string) {
			if name != at {
				return
			}
			p, err := maker.Create(t.Context(), d, nil)
			if errors.Is(err, ErrExists) {
				return // the removed one came back
			}
			check(t, err)
			_, err = p.File.WriteString("new")
			check(t, err)
			_, err = p.Index.WriteString("index")
			check(t, err)
			_, err = p.Commit(Meta{})
			check(t, err)
		}
		_, err := s.remove(d, false)
		check(t, err)
		_, err = s.Get(d)
		if err != nil && !errors.Is(err, ErrNotFound) {
			t.Errorf("made again at %q: %v", at, err)
		}
		o, err := s.Get(d)
		if err != nil {
			continue
		}
		if x, err := s.OpenIndex(o); err == nil {
			check(t, x.Close())
		} else if b, _ := os.ReadFile(o.Path); string(b) == "new" {
			t.Errorf("made again at %q: its index is gone: %v", at, err)
		}
	}
}
