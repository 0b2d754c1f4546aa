package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/provenance"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/runtime/inject"
	"github.com/jrun-hpc/jrun/runtime/launch"
)

func launchOf(file *os.File) launch.Options { return launch.Options{Image: file} }

// TestAFailureToRecordIsOnlyMentioned uses a store that is no directory.
func TestAFailureToRecordIsOnlyMentioned(t *testing.T) {
	for _, verbose := range []bool{false, true} {
		s, said := testSession(t)
		s.report.verbose = verbose
		if err := os.WriteFile(s.store.Root(), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		l := launchOf(file)
		object := store.Object{Digest: ranDigest}
		s.record(s.describe(&runOptions{}, &l, object, image.Resolved{}), object, func() []inject.Item { return nil })
		if mentioned := strings.Contains(said.String(), "this run is not in the history"); mentioned != verbose {
			t.Errorf("verbose %v: %q", verbose, said)
		}
	}
}

func TestWhatIsRecorded(t *testing.T) {
	clearEnvironment(t, "PBS_JOBID=4711.pbs01", "OMP_NUM_THREADS=4", "LOGNAME=suzuki")
	s, _ := testSession(t)
	s.clientOptions.Pull = image.PullMissing
	keep(t, s, ranDigest)
	object, err := s.store.Get(ranDigest)
	if err != nil {
		t.Fatal(err)
	}
	file, err := s.store.OpenFile(object)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	ref, err := image.ParseReference("harbor.example.ac.jp/lab/sim:2")
	if err != nil {
		t.Fatal(err)
	}
	l := launchOf(file)
	l.Name, l.Binds, l.Env = "lab/sim:2", []string{"/site", "data:/data"}, []string{"A=b", "HF_TOKEN=hunter2"}
	l.Config.Entrypoint, l.Config.Cmd = []string{"sim"}, []string{"-h"}
	r := s.describe(&runOptions{binds: []string{"data:/data"}}, &l, object, image.Resolved{
		Reference: ref, Digest: movedDigest, How: image.FromJob, Settled: image.FromOffline, Time: ranTime,
	})
	s.record(r, object, func() []inject.Item {
		return []inject.Item{
			{Kind: inject.File, Host: "/usr/lib/libmpi.so.40.30.4", Inside: "/run/jrun/mpi/lib/libmpi.so.40", Why: "in place of the image's", Rule: "--mpi=openmpi"},
			{Kind: inject.First, Inside: "LD_LIBRARY_PATH", Value: "/run/jrun/mpi/lib", Why: "found first"},
			{Kind: inject.Variable, Inside: "VENDOR_TOKEN", Value: "hunter2", Why: "the specification sets it"},
		}
	})
	s.record(r, object, func() []inject.Item {
		t.Error("who finds the record there asks what was brought")
		return nil
	})
	job, err := s.book().Find("4711")
	if err != nil {
		t.Fatal(err)
	}
	got := job.Runs[0]
	b, err := json.Marshal(got)
	if err != nil || strings.Contains(string(b), "hunter2") {
		t.Errorf("%s, %v", b, err)
	}
	directory, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	want := provenance.Record{
		Version: provenance.Version, Job: "4711.pbs01", Started: got.Started, User: "suzuki", UID: os.Getuid(), Host: host,
		Image: provenance.Image{
			Name: "lab/sim:2", Reference: "harbor.example.ac.jp/lab/sim:2", Digest: ranDigest, Resolved: movedDigest,
			How: "job", SettledBy: "offline", Pull: "missing", Answered: ranTime, Source: provenance.FromOwn,
		},
		Command: provenance.Command{Arguments: []string{}, Image: []string{"sim", "-h"}, Directory: directory},
		Options: provenance.Options{Binds: []string{filepath.Join(directory, "data") + ":/data"}, SiteBinds: []string{"/site"}},
		Environment: []provenance.Variable{
			{Name: "A", Value: "b", From: provenance.FromOption},
			{Name: "HF_TOKEN", Secret: true, From: provenance.FromOption},
			{Name: "OMP_NUM_THREADS", Value: "4", From: provenance.FromHost},
		},
		Machine: provenance.ThisMachine("/", version()),
		Injected: []provenance.Injection{
			{Kind: "file", Source: "/usr/lib/libmpi.so.40.30.4", Destination: "/run/jrun/mpi/lib/libmpi.so.40", Why: "in place of the image's"},
			{Kind: "first in", Destination: "LD_LIBRARY_PATH", Value: "/run/jrun/mpi/lib", Why: "found first"},
			{Kind: "variable", Destination: "VENDOR_TOKEN", Secret: true, Why: "the specification sets it"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if time.Since(got.Started) > time.Minute {
		t.Errorf("it started at %v", got.Started)
	}
}

func TestRecordedJob(t *testing.T) {
	clearEnvironment(t)
	alone := recordedJob()
	if again := recordedJob(); again != alone || len(alone) < 10 || alone[8] != '.' {
		t.Errorf("a process that is alone is in the jobs %q and %q", alone, again)
	}
	t.Setenv("SLURM_JOB_ID", "12")
	if got := recordedJob(); got != "12" {
		t.Errorf("the job is %q", got)
	}
}

// BenchmarkRecord is what recording costs the first process of a job, and what it
// costs the others.
func BenchmarkRecord(b *testing.B) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	st, err := store.Open(filepath.Join(b.TempDir(), "store"), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	s := &session{store: st, report: &progress{out: io.Discard}}
	l := launchOf(file)
	record := func() {
		object := store.Object{Digest: ranDigest}
		s.record(s.describe(&runOptions{}, &l, object, image.Resolved{How: image.FromRegistry, Time: ranTime}), object, func() []inject.Item { return nil })
	}
	record() // makes the store
	b.Run("first", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			b.Setenv("PBS_JOBID", fmt.Sprintf("%d.%d", b.N, i))
			record()
		}
	})
	b.Run("others", func(b *testing.B) {
		for b.Loop() {
			record()
		}
	})
}
