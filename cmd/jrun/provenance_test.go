package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/provenance"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/runtime/launch"
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

// clearEnvironment leaves nothing set that records watch.
func clearEnvironment(t *testing.T, pairs ...string) {
	t.Helper()
	before := os.Environ()
	os.Clearenv()
	t.Cleanup(func() {
		os.Clearenv()
		for _, pair := range before {
			name, value, _ := strings.Cut(pair, "=")
			_ = os.Setenv(name, value)
		}
	})
	for _, pair := range append(pairs, "HOME="+t.TempDir()) {
		name, value, _ := strings.Cut(pair, "=")
		if err := os.Setenv(name, value); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReproduceDryRun(t *testing.T) {
	clearEnvironment(t, "PYTHONHASHSEED=1", "CUDA_VISIBLE_DEVICES=3")
	s, said := testSession(t)
	s.clientOptions.Pull = image.PullNever
	here := t.TempDir()
	r := ran()
	r.Command.Directory = here
	r.Command.Arguments = []string{"-c", "it's", "", "a\nb"}
	r.Command.Entrypoint, r.Command.Workdir = "sh", "/w"
	r.Options = provenance.Options{Binds: []string{"/data lab:/data:ro"}, CleanEnv: false, NoHome: true, WritableTmpfs: true, Root: true}
	r.Environment = []provenance.Variable{
		{Name: "A", Value: "b c", From: provenance.FromOption},
		{Name: "CUDA_VISIBLE_DEVICES", Value: "0", From: provenance.FromHost},
		{Name: "HF_TOKEN", Secret: true, From: provenance.FromOption},
		{Name: "LANG", Value: "C.UTF-8", From: provenance.FromImage},
		{Name: "OMP_NUM_THREADS", Value: "4", From: provenance.FromHost},
	}
	var out bytes.Buffer
	if err := s.reproduce(t.Context(), &out, r, reproduceOptions{dryRun: true}, nil); err != nil {
		t.Fatal(err)
	}
	want := "cd " + here + " && env -u PYTHONHASHSEED OMP_NUM_THREADS=4 jrun run --pull=never -B '/data lab:/data:ro' -e 'A=b c' -e HF_TOKEN " +
		"--no-home --writable-tmpfs --root -w /w --entrypoint sh harbor.example.ac.jp/lab/sim:2@" + ranDigest.String() + ` -- -c 'it'\''s' '' $'a\nb'` + "\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("line (-want +got):\n%s", diff)
	}
	want = `jrun: differs here: bind /data lab:/data:ro: then shown, now its source is not there
jrun: differs here: CUDA_VISIBLE_DEVICES: then 0, now 3 (left as it is: each job is given its own)
jrun: differs here: OMP_NUM_THREADS: then 4, now not set (set as it was)
jrun: differs here: PYTHONHASHSEED: then not set, now 1 (taken away)
jrun: set these first, they are secrets: HF_TOKEN
`
	if diff := cmp.Diff(want, said.String()); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
	said.Reset()
	out.Reset()
	if err := s.reproduce(t.Context(), &out, r, reproduceOptions{dryRun: true, here: true}, []string{"python3", "-i"}); err != nil {
		t.Fatal(err)
	}
	if line := out.String(); !strings.HasPrefix(line, "env ") || !strings.HasSuffix(line, "@"+ranDigest.String()+" -- python3 -i\n") || strings.Contains(line, "--entrypoint") {
		t.Errorf("with a command of its own: %s", line)
	}
}

func TestReproduceShell(t *testing.T) {
	clearEnvironment(t)
	s, _ := testSession(t)
	r := ran()
	r.Command = provenance.Command{Shell: true, Directory: "/nowhere"}
	for _, test := range []struct {
		command []string
		want    string
	}{{nil, "jrun shell harbor.example.ac.jp/lab/sim:2@" + ranDigest.String()}, {[]string{"id"}, "jrun run harbor.example.ac.jp/lab/sim:2@" + ranDigest.String() + " -- id"}} {
		again, err := s.again(r, test.command)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, again.line("ask")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	r.NotUTF8 = true
	_, err := s.again(r, nil)
	requireFault(t, "not UTF-8", err)
}

func TestReproduceAsksForSecrets(t *testing.T) {
	clearEnvironment(t)
	s, _ := testSession(t)
	r := ran()
	r.Environment = []provenance.Variable{
		{Name: "DB_PASSWORD", Secret: true, From: provenance.FromOption}, {Name: "HF_TOKEN", Secret: true, From: provenance.FromOption},
	}
	err := s.reproduce(t.Context(), &bytes.Buffer{}, r, reproduceOptions{run: 2}, nil)
	want := `jrun: cannot reproduce the job 4711.pbs01 as it was
  why:  DB_PASSWORD and HF_TOKEN held secrets, which are not recorded
  next: export DB_PASSWORD=… HF_TOKEN=…
  next: and try again: jrun reproduce --run 2 4711.pbs01
`
	if diff := cmp.Diff(want, fault.Format("jrun", err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReproduceWhatIsGone(t *testing.T) {
	clearEnvironment(t)
	s, _ := testSession(t)
	r := ran()
	r.Image.Reference = registryOf(t, http.StatusNotFound, nil) + "/lab/sim:2"
	head := "jrun: the image of the job 4711.pbs01 is gone\n"
	d := ranDigest.String()
	missing := head + `  why:  neither the registry nor the store has ` + d + ` any more: it answered 404 Not Found
  next: ask the owner of the image to push ` + d + ` again
  next: or see what the name stands for now: jrun why 4711.pbs01
`
	there := head + `  why:  the registry does not have ` + d + ` any more: it answered 404 Not Found
  next: it is still in the store; keep it and use that:
  next: jrun pin ` + d + ` --reason WHY
  next: jrun reproduce --pull=never 4711.pbs01
`
	removed := head + `  why:  the registry does not have ` + d + ` any more: it answered 404 Not Found
  next: have it back from the store, keep it and use that:
  next: jrun gc --undelete ` + d + `
  next: jrun pin ` + d + ` --reason WHY
  next: jrun reproduce --pull=never 4711.pbs01
`
	for _, step := range []struct {
		before func()
		want   string
	}{
		{func() {}, missing},
		{func() { keep(t, s, ranDigest) }, there},
		{func() { collect(t, s) }, removed},
	} {
		step.before()
		err := s.reproduce(t.Context(), &bytes.Buffer{}, r, reproduceOptions{}, nil)
		if diff := cmp.Diff(step.want, fault.Format("jrun", err)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestReproduceAChangedFile(t *testing.T) {
	clearEnvironment(t)
	s, _ := testSession(t)
	path := filepath.Join(t.TempDir(), "sim.sqfs")
	if err := os.WriteFile(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := ran()
	r.Image = provenance.Image{Name: path, Reference: path, How: "file", Source: provenance.FromFile, File: &provenance.File{Path: path, SizeBytes: 5, Modified: ranTime}}
	requireFault(t, path, s.reproduce(t.Context(), &bytes.Buffer{}, r, reproduceOptions{}, nil))
	if got := s.stored(r.Image).State; got != "changed" {
		t.Errorf("the file is said to be %s", got)
	}
}

func TestChooseRun(t *testing.T) {
	second := ran()
	second.Command.Arguments = []string{"other"}
	job := provenance.Job{Job: "4711.pbs01", Runs: []provenance.Record{ran(), second}}
	if r, err := chooseRun(job, 2, "jrun reproduce"); err != nil || r.Command.Arguments[0] != "other" {
		t.Errorf("the second is %v, %v", r.Command, err)
	}
	for _, number := range []int{0, 3, -1} {
		_, err := chooseRun(job, number, "jrun reproduce")
		requireFault(t, "run", err)
		if !strings.Contains(err.Error(), "sim 'in put.dat'") || !strings.Contains(err.Error(), "2  ") {
			t.Errorf("the error does not list the runs: %v", err)
		}
	}
	job.Runs = job.Runs[:1]
	if _, err := chooseRun(job, 0, "jrun reproduce"); err != nil {
		t.Errorf("the only one: %v", err)
	}
}

// TestShellWord lets a shell read words back.
func TestShellWord(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash")
	}
	for _, word := range []string{"plain", "", "a b", "it's", "$HOME", "`x`", "a\nb\t\\'", "\x1b[31m\x7f", "日本", "\xff", "*", "-x", "~", "a\u202eb", "#", "!x"} {
		out, err := exec.CommandContext(t.Context(), bash, "-c", "printf %s "+shellWord(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("%q was written as %s and read as %q, %v", word, shellWord(word), out, err)
		}
		if strings.ContainsAny(shellWord(word), "\x1b\x7f\n") {
			t.Errorf("%q was written with control characters: %q", word, shellWord(word))
		}
	}
}

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
		s.record(&runOptions{}, &l, store.Object{Digest: ranDigest}, image.Resolved{})
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
	s.record(&runOptions{binds: []string{"data:/data"}}, &l, object, image.Resolved{
		Reference: ref, Digest: movedDigest, How: image.FromJob, Settled: image.FromOffline, Time: ranTime,
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

func TestUnknownJob(t *testing.T) {
	s, _ := testSession(t)
	_, err := s.book().Find("4711")
	requireFault(t, "4711", err)
	if !errors.Is(err, provenance.ErrUnknownJob) {
		t.Errorf("got %v", err)
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
		s.record(&runOptions{}, &l, store.Object{Digest: ranDigest}, image.Resolved{How: image.FromRegistry, Time: ranTime})
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
