package main

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/provenance"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

var (
	ranDigest   = digest.FromString("ran")
	movedDigest = digest.FromString("moved")
	ranTime     = time.Date(2026, 11, 28, 14, 0, 2, 0, time.UTC)
)

// ran is a record of an ordinary run.
func ran() provenance.Record {
	return provenance.Record{
		Version: provenance.Version, Job: "4711.pbs01", Started: ranTime, User: "suzuki", UID: 1004, Host: "node12",
		Image: provenance.Image{
			Name: "lab/sim:2", Reference: "harbor.example.ac.jp/lab/sim:2", Digest: ranDigest, Resolved: ranDigest,
			How: "registry", Answered: ranTime.Add(-time.Second), Source: provenance.FromOwn,
		},
		Command: provenance.Command{Arguments: []string{"sim", "in put.dat"}, Directory: "/nowhere"},
		Machine: provenance.ThisMachine("/", version()),
	}
}

// testSession works on a new store, and says what it says into the buffer.
func testSession(t *testing.T) (*session, *bytes.Buffer) {
	t.Helper()
	st, err := store.Open(filepath.Join(t.TempDir(), "store"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	said := &bytes.Buffer{}
	s := &session{store: st, client: image.NewClient(image.Options{}), report: &progress{out: said}}
	return s, said
}

func TestBecause(t *testing.T) {
	tests := map[string]struct {
		change func(*provenance.Record)
		want   string
	}{
		"asked": {func(*provenance.Record) {}, "the registry said so at 2026-11-28T14:00:01Z, asked for this job"},
		"by digest": {func(r *provenance.Record) { r.Image.Reference += "@" + ranDigest.String() },
			"the name itself has the digest; the registry said at 2026-11-28T14:00:01Z, asked for this job, that you may have it"},
		"settled": {func(r *provenance.Record) { r.Image.How, r.Image.SettledBy = "job", "registry" },
			"settled earlier in the job: the registry said so at 2026-11-28T14:00:01Z, asked for this job"},
		"offline": {func(r *provenance.Record) { r.Image.How, r.Image.Answered = "offline", ranTime.Add(-3*time.Hour) },
			"the registry could not be reached; its answer of 3 hours before counted (2026-11-28T11:00:02Z)"},
		"settled offline": {func(r *provenance.Record) {
			r.Image.How, r.Image.SettledBy, r.Image.Answered = "job", "offline", ranTime.Add(-3*time.Hour)
		}, "settled earlier in the job: the registry could not be reached; its answer of 3 hours before counted (2026-11-28T11:00:02Z)"},
		"never": {func(r *provenance.Record) {
			r.Image.How, r.Image.Pull, r.Image.Answered = "store", "never", ranTime.AddDate(0, 0, -9)
		}, "the registry was not asked, because of --pull=never; its answer of 9 days before counted (2026-11-19T14:00:02Z)"},
		"kept":    {func(r *provenance.Record) { r.Image.How = "store" }, "it was reproduced from the store, where it was kept"},
		"layout":  {func(r *provenance.Record) { r.Image.How = "file" }, "the layout or archive said so at 2026-11-28T14:00:01Z"},
		"file":    {func(r *provenance.Record) { r.Image.How, r.Image.Source = "file", provenance.FromFile }, "it is a file, and what was in it then was run"},
		"unheard": {func(r *provenance.Record) { r.Image.How = "oracle" }, "it is not known how it was found out"},
	}
	for name, test := range tests {
		r := ran()
		test.change(&r)
		if diff := cmp.Diff(test.want, because(r)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// registryOf serves the digests of tags of lab/sim, and answers other requests
// for manifests with status.
func registryOf(t *testing.T, status int, tags map[string]digest.Digest) (host string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tag, ok := strings.CutPrefix(r.URL.Path, "/v2/lab/sim/manifests/")
		switch {
		case !ok:
			w.WriteHeader(http.StatusOK)
		case tags[tag] == "":
			w.WriteHeader(status)
		default:
			w.Header().Set("Docker-Content-Digest", tags[tag].String())
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		}
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func TestStandsForNow(t *testing.T) {
	s, _ := testSession(t)
	s.clientOptions.Job = "another"
	there := registryOf(t, http.StatusNotFound, map[string]digest.Digest{"2": ranDigest, "3": movedDigest, ranDigest.String(): ranDigest})
	forbidden := registryOf(t, http.StatusForbidden, nil)
	tests := map[string]struct{ reference, state, words string }{
		"same":        {there + "/lab/sim:2", "same", "the name still stands for the same"},
		"moved":       {there + "/lab/sim:3", "moved", "the name has moved; it stands for " + movedDigest.String()},
		"gone":        {there + "/lab/sim:4", "gone", "the registry does not have it any more"},
		"by digest":   {there + "/lab/sim:9@" + ranDigest.String(), "same", "the registry still has it, and you may have it"},
		"digest gone": {there + "/lab/sim:2@" + movedDigest.String(), "gone", "the registry does not have it any more"},
		"forbidden":   {forbidden + "/lab/sim:2", "unknown", "the registry does not say: " + forbidden + " does not let you have " + forbidden + "/lab/sim:2: it answered 403 Forbidden"},
		"layout":      {"oci:/nowhere:2", "gone", ""},
		"file":        {"/nowhere/sim.sqfs", "gone", ""},
		"down":        {"127.0.0.1:1/lab/sim:2", "unknown", ""},
	}
	for name, test := range tests {
		now := s.standsForNow(t.Context(), provenance.Image{Reference: test.reference, Digest: ranDigest, Resolved: ranDigest})
		if now.State != test.state || test.words != "" && now.Words != test.words {
			t.Errorf("%s: got %+v, want %+v", name, now, test)
		}
	}
	if _, err := s.store.JobRef("another", there+"/lab/sim:2"); err == nil {
		t.Error("asking has settled what the name is in a job")
	}
}

func TestARegistryThatDoesNotAnswer(t *testing.T) {
	s, _ := testSession(t)
	quiet := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-quiet }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(quiet) })
	patience := whyPatience
	whyPatience = 50 * time.Millisecond
	defer func() { whyPatience = patience }()
	now := s.standsForNow(t.Context(), provenance.Image{Reference: strings.TrimPrefix(server.URL, "http://") + "/lab/sim:2"})
	if diff := cmp.Diff(whyNow{State: "unknown", Words: "the registry has not answered within 50ms"}, now); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// keep puts an object into the store of s.
func keep(t *testing.T, s *session, d digest.Digest) {
	t.Helper()
	p, err := s.store.Create(t.Context(), d, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Abort()
	if _, err := p.File.WriteString("squashfs"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Commit(store.Meta{Reference: "reg.example/lab/sim:2", RawConfig: []byte(`{}`)}); err != nil {
		t.Fatal(err)
	}
}

// collect removes what is in the store, so that it can be had back.
func collect(t *testing.T, s *session) {
	t.Helper()
	time.Sleep(time.Millisecond)
	if _, err := store.Collect(t.Context(), []*store.Store{s.store}, store.Policy{UnusedFor: time.Nanosecond, UndeleteFor: time.Hour}); err != nil {
		t.Fatal(err)
	}
}

func TestWhyIsPrinted(t *testing.T) {
	s, _ := testSession(t)
	first, second, third := ran(), ran(), ran()
	second.Command.Arguments = []string{"sim", "other"}
	third.Image.Digest, third.Image.How, third.Image.SettledBy = movedDigest, "job", "registry"
	third.Injected = []provenance.Injection{
		{Kind: "device", Source: "/dev/infiniband/uverbs0", Destination: "/dev/infiniband/uverbs0"},
		{Kind: "file", Source: "/usr/lib/libmpi.so.40.30.4", Destination: "/run/jrun/mpi/lib/libmpi.so.40"},
		{Kind: "file", Source: "/usr/lib/libucp.so.0.0.0", Destination: "/run/jrun/mpi/lib/libucp.so.0"},
		{Kind: "first in", Destination: "LD_LIBRARY_PATH", Value: "/run/jrun/mpi/lib"},
		{Kind: "variable", Destination: "VENDOR_TOKEN", Secret: true},
	}
	third.Command = provenance.Command{Image: []string{"\x1b[31msim"}}
	keep(t, s, ranDigest)
	report := whyReport{Job: "4711.pbs01", Images: imagesOf(provenance.Job{Job: "4711.pbs01", Runs: []provenance.Record{first, second, third}})}
	for i := range report.Images {
		report.Images[i].Now = whyNow{State: "same", Words: "the name still stands for the same"}
		report.Images[i].Stored = s.stored(report.Images[i].Image)
	}
	var out bytes.Buffer
	if err := report.print(&out, time.UTC); err != nil {
		t.Fatal(err)
	}
	object, err := s.store.Get(ranDigest)
	if err != nil {
		t.Fatal(err)
	}
	want := `job      4711.pbs01, run 1, 2026-11-28 14:00:02 on node12
command  sim 'in put.dat' (and 1 more; jrun history --json has all)
image    lab/sim:2
digest   ` + ranDigest.String() + `
why      the registry said so at 2026-11-28T14:00:01Z, asked for this job
now      the name still stands for the same
store    it is in the store: ` + object.Path + `

job      4711.pbs01, run 3, 2026-11-28 14:00:02 on node12
command  $'\033[31msim'
image    lab/sim:2
digest   ` + movedDigest.String() + `, for this machine out of ` + ranDigest.String() + `
why      settled earlier in the job: the registry said so at 2026-11-28T14:00:01Z, asked for this job
now      the name still stands for the same
store    it is not in the store
host     /dev/infiniband: uverbs0
         /usr/lib: libmpi.so.40.30.4, libucp.so.0.0.0
         LD_LIBRARY_PATH=/run/jrun/mpi/lib
         VENDOR_TOKEN=(a secret)
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	collect(t, s)
	if got := s.stored(first.Image); got.State != "removed" || !strings.Contains(got.Words, "jrun gc --undelete "+ranDigest.String()) {
		t.Errorf("after its removal: %+v", got)
	}
}

func TestHistoryIsPrinted(t *testing.T) {
	zone := time.Local
	time.Local = time.UTC
	defer func() { time.Local = zone }()
	second := ran()
	second.Command = provenance.Command{Shell: true}
	file := ran()
	file.Job, file.Image = "7kqm2xpa.login1", provenance.Image{Name: "./a b.sqfs", Reference: "/data/a b.sqfs", Source: provenance.FromFile}
	var out bytes.Buffer
	if err := printHistory(&out, []provenance.Job{{Job: "4711.pbs01", Runs: []provenance.Record{ran(), second}}, {Job: file.Job, Runs: []provenance.Record{file}}}); err != nil {
		t.Fatal(err)
	}
	want := `JOB              WHEN                 IMAGE                           DIGEST               COMMAND
4711.pbs01       2026-11-28 14:00:02  harbor.example.ac.jp/lab/sim:2  ` + shortDigest(ranDigest.String()) + `  (shell) (and 1 more)
7kqm2xpa.login1  2026-11-28 14:00:02  'a b.sqfs'                      (unknown)            sim 'in put.dat'
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUnknownJob(t *testing.T) {
	s, _ := testSession(t)
	_, err := s.book().Find("4711")
	requireFault(t, "4711", err)
	if !errors.Is(err, provenance.ErrUnknownJob) {
		t.Errorf("got %v", err)
	}
}
