package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/provenance"
)

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

// TestReproduceDefaults: what the job had is said where this site's default is another.
func TestReproduceDefaults(t *testing.T) {
	clearEnvironment(t)
	s, _ := testSession(t)
	for _, test := range []struct{ recorded, byDefault, want string }{
		{"", "", ""}, {"", "auto", ""}, {"", "none", "auto"}, {"none", "", "none"}, {"none", "none", ""},
	} {
		r := ran()
		r.Options.GPU, s.config.GPU.Default = test.recorded, test.byDefault
		r.Options.MPI, s.config.MPI.Default = test.recorded, test.byDefault
		again, err := s.again(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		line := again.line("ask")
		for _, flag := range []string{"--gpu", "--mpi"} {
			if said := strings.Contains(line, flag+"="+test.want+" "); said != (test.want != "") || !said && strings.Contains(line, flag) {
				t.Errorf("recorded %q, by default %q: %s", test.recorded, test.byDefault, line)
			}
		}
	}
}
