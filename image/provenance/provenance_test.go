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
	"github.com/opencontainers/go-digest"
)

var testTime = time.Date(2026, 11, 28, 14, 0, 2, 500, time.UTC)

// sample is a record with every field.
func sample() Record {
	d := digest.FromString("manifest")
	return Record{
		Version: Version, Job: "4711.pbs01", Started: testTime, User: "suzuki", UID: 1004, Host: "node12",
		Image: Image{
			Name: "lab/sim:2", Reference: "harbor.example.ac.jp/lab/sim:2", Digest: d, Resolved: digest.FromString("index"),
			How: "job", SettledBy: "offline", Pull: "missing", Answered: testTime.Add(-3 * time.Hour), Layers: []digest.Digest{digest.FromString("layer")},
			Source: FromOwn, File: &File{Path: "/data/sim.sqfs", SizeBytes: 4096, Modified: testTime},
		},
		Command: Command{Arguments: []string{"sim", "in put"}, Image: []string{"sh"}, Entrypoint: "/bin/env", Workdir: "/w", Directory: "/home/suzuki"},
		Options: Options{Binds: []string{"/data:/data:ro"}, SiteBinds: []string{"/work"}, CleanEnv: true, NoHome: true, WritableTmpfs: true, Root: true},
		Environment: []Variable{
			{Name: "HF_TOKEN", Secret: true, From: FromOption},
			{Name: "OMP_NUM_THREADS", Value: "4", From: FromHost},
		},
		Machine:  Machine{Jrun: "1.0", Kernel: "6.1.0", Architecture: "x86_64", OS: "Debian GNU/Linux 12", GPUDrivers: []string{"nvidia 550.54.14"}},
		Injected: []Injection{{Source: "/usr/lib/libcuda.so.1", Destination: "/usr/lib/libcuda.so.1", Why: "GPU"}},
	}
}

func TestRecordsAreReadBack(t *testing.T) {
	for name, r := range map[string]Record{
		"all fields": sample(),
		"few fields": {Version: Version, Job: "x", Started: testTime, Command: Command{Arguments: []string{}}, Environment: []Variable{}},
	} {
		b, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(r, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if r.Key() != got.Key() {
			t.Errorf("%s: the key changes when it is read back", name)
		}
	}
	empty := Record{Version: Version, Job: "x", Started: testTime}
	b, err := empty.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Parse(b); err != nil || got.Key() != empty.Key() || strings.Contains(string(b), "injected") {
		t.Errorf("%s: %v", b, err)
	}
}

func TestWhatIsNotUTF8IsSaid(t *testing.T) {
	r := sample()
	r.Command.Arguments = []string{"sim", "\xff"}
	b, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Parse(b); err != nil || !got.NotUTF8 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestKey has a fixed answer: a rank of an older jrun, on another node, must find
// the record of a newer one.
func TestKey(t *testing.T) {
	const want = "8c868243e53a2e82bc2820ebc40b23ce"
	base := sample()
	if got := base.Key(); got != want {
		t.Errorf("the key is %s, was %s", got, want)
	}
	same := map[string]func(*Record){
		"time":            func(r *Record) { r.Started = r.Started.Add(time.Hour) },
		"host":            func(r *Record) { r.Host = "node13" },
		"machine":         func(r *Record) { r.Machine.Kernel = "5.14" },
		"how":             func(r *Record) { r.Image.How, r.Image.SettledBy = "registry", "" },
		"user":            func(r *Record) { r.User, r.UID = "", 0 },
		"layers":          func(r *Record) { r.Image.Layers = nil },
		"the site's copy": func(r *Record) { r.Image.Source = FromSite },
		"another secret": func(r *Record) {
			r.Environment = []Variable{{Name: "HF_TOKEN", Value: "x", Secret: true, From: FromOption}, r.Environment[1]}
		},
		"a GPU of its own": func(r *Record) {
			r.Environment = append(r.Environment, Variable{Name: "CUDA_VISIBLE_DEVICES", Value: "1", From: FromHost})
		},
		"what was injected":   func(r *Record) { r.Injected = nil },
		"when it was settled": func(r *Record) { r.Image.Answered = testTime },
	}
	for name, change := range same {
		r := sample()
		if change(&r); r.Key() != want {
			t.Errorf("%s changes the key", name)
		}
	}
	other := map[string]func(*Record){
		"command":   func(r *Record) { r.Command.Arguments = []string{"sim", "in", "put"} },
		"digest":    func(r *Record) { r.Image.Digest = digest.FromString("other") },
		"directory": func(r *Record) { r.Command.Directory = "/" },
		"option":    func(r *Record) { r.Options.Root = false },
		"variable":  func(r *Record) { r.Environment[1].Value = "8" },
		"a GPU asked for": func(r *Record) {
			r.Environment = append(r.Environment, Variable{Name: "CUDA_VISIBLE_DEVICES", Value: "1", From: FromOption})
		},
	}
	for name, change := range other {
		r := sample()
		if change(&r); r.Key() == want {
			t.Errorf("%s does not change the key", name)
		}
	}
}

func TestSecrets(t *testing.T) {
	tests := map[string]bool{
		"HF_TOKEN": true, "hf_token": true, "GITHUB_TOKEN_FILE": true, "AWS_SECRET_ACCESS_KEY": true, "AWS_ACCESS_KEY_ID": true, "DB_PASSWORD": true,
		"MYSQL_PWD": true, "PGPASSWORD": true, "PASSWD": true, "GOOGLE_APPLICATION_CREDENTIALS": true, "OPENAI_API_KEY": true, "WANDB_API_KEY": true, "WANDBAPIKEY": true,
		"PRIVATE_THING": true, "SSH_PRIVATE_KEY": true, "KEY": true, "MY_KEY": true, "DB_PASS": true, "PROXY_AUTH": true, "SESSION_COOKIE": true,
		"OMP_NUM_THREADS": false, "PATH": false, "KEYBOARD": false, "MONKEY": false, "COMPASS": false, "PWD": false, "OLDPWD": false, "AUTHOR": false, "LC_ALL": false,
	}
	for name, want := range tests {
		if secret(name) != want {
			t.Errorf("%s is a secret: %v, want %v", name, !want, want)
		}
		for _, v := range Variables(nil, nil, []string{name + "=hunter2"}, false) {
			if v.Secret != want || (v.Value == "") != want {
				t.Errorf("%s is recorded as %+v", name, v)
			}
		}
	}
	r := sample()
	r.Environment = Variables(nil, nil, []string{"DB_PASSWORD=hunter2"}, false)
	if b, err := r.Encode(); err != nil || strings.Contains(string(b), "hunter2") {
		t.Errorf("the record has the secret: %s, %v", b, err)
	}
}

func TestVariables(t *testing.T) {
	host := []string{"OMP_NUM_THREADS=4", "HOME=/h", "LC_ALL=ja_JP.UTF-8", "LANG=C", "OMPI_COMM_WORLD_RANK=3", "OMPI_MCA_btl=tcp,self", "OMPI_MCA_ess_base_vpid=3",
		"CUDA_VISIBLE_DEVICES=2", "UCX_TLS=all", "odd"}
	image := []string{"LANG=C.UTF-8", "PATH=/bin", "GREETING=hello"}
	given := []string{"A=first", "A=b=c", "UCX_TLS=rc", "EMPTY="}
	want := []Variable{
		{Name: "A", Value: "b=c", From: FromOption},
		{Name: "CUDA_VISIBLE_DEVICES", Value: "2", From: FromHost},
		{Name: "EMPTY", From: FromOption},
		{Name: "LANG", Value: "C.UTF-8", From: FromImage},
		{Name: "LC_ALL", Value: "ja_JP.UTF-8", From: FromHost},
		{Name: "OMPI_MCA_btl", Value: "tcp,self", From: FromHost},
		{Name: "OMP_NUM_THREADS", Value: "4", From: FromHost},
		{Name: "UCX_TLS", Value: "rc", From: FromOption},
	}
	if diff := cmp.Diff(want, Variables(host, image, given, false)); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
	want = []Variable{{Name: "LANG", Value: "C", From: FromHost}, {Name: "LC_ALL", Value: "ja_JP.UTF-8", From: FromHost}}
	if diff := cmp.Diff(want, Variables(host, nil, nil, true)); diff != "" {
		t.Errorf("clean (-want +got):\n%s", diff)
	}
}

func TestDifferences(t *testing.T) {
	r := sample()
	r.Options.CleanEnv = false
	r.Environment = append(r.Environment, Variable{Name: "CUDA_VISIBLE_DEVICES", Value: "0", From: FromHost}, Variable{Name: "LANG", Value: "C", From: FromImage})
	same := Surroundings{
		Machine: r.Machine, SiteBinds: []string{"/work"}, Exists: func(string) bool { return true },
		Host: []string{"OMP_NUM_THREADS=4", "CUDA_VISIBLE_DEVICES=0", "LANG=ja_JP.UTF-8", "HF_TOKEN=x"},
	}
	if diff := cmp.Diff([]Difference{}, r.Differences(same)); diff != "" {
		t.Errorf("nothing is different (-want +got):\n%s", diff)
	}
	if got := r.MissingSecrets(same.Host); got != nil {
		t.Errorf("missing: %v", got)
	}
	other := Surroundings{
		Machine: Machine{Jrun: "2.0", Kernel: "6.1.0", Architecture: "aarch64", OS: "Rocky Linux 9"}, SiteBinds: []string{"/scratch"},
		Exists: func(string) bool { return false }, Host: []string{"CUDA_VISIBLE_DEVICES=3", "PYTHONHASHSEED=0"},
	}
	want := []Difference{
		{What: "jrun", Then: "1.0", Now: "2.0"},
		{What: "architecture", Then: "x86_64", Now: "aarch64"},
		{What: "operating system", Then: "Debian GNU/Linux 12", Now: "Rocky Linux 9"},
		{What: "GPU driver", Then: "nvidia 550.54.14", Now: "none"},
		{What: "directory", Then: "/home/suzuki", Now: "not there"},
		{What: "bind /data:/data:ro", Then: "shown", Now: "its source is not there"},
		{What: "bind /work of jrun.toml", Then: "shown", Now: "not shown"},
		{What: "bind /scratch of jrun.toml", Then: "not shown", Now: "shown"},
		{What: "CUDA_VISIBLE_DEVICES", Then: "0", Now: "3", Remedy: "left as it is: each job is given its own"},
		{What: "OMP_NUM_THREADS", Then: "4", Now: "not set", Remedy: "set as it was"},
		{What: "PYTHONHASHSEED", Then: "not set", Now: "0", Remedy: "taken away"},
	}
	if diff := cmp.Diff(want, r.Differences(other)); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
	settings := []Setting{{Name: "OMP_NUM_THREADS", Value: "4"}, {Name: "PYTHONHASHSEED", Unset: true}}
	if diff := cmp.Diff(settings, r.Settings(other.Host)); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"HF_TOKEN"}, r.MissingSecrets(other.Host)); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
}

func TestThisMachine(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"etc/os-release":             "NAME=x\nPRETTY_NAME=\"Rocky Linux 9.4 (Blue Onyx)\"\n",
		"proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build\nGCC version:  gcc version 11.4.1\n",
		"sys/module/amdgpu/version":  "6.8.5\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := ThisMachine(root, "1.0")
	if got.Kernel == "" || got.Architecture == "" {
		t.Errorf("of the kernel nothing is known: %+v", got)
	}
	want := Machine{Jrun: "1.0", Kernel: got.Kernel, Architecture: got.Architecture, OS: "Rocky Linux 9.4 (Blue Onyx)", GPUDrivers: []string{"nvidia 570.86.15", "amdgpu 6.8.5"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if bare := ThisMachine(t.TempDir(), ""); bare.OS != "" || bare.GPUDrivers != nil {
		t.Errorf("of a bare machine: %+v", bare)
	}
}

func newBook(t testing.TB) (Book, *[]string) {
	t.Helper()
	st, err := store.Open(filepath.Join(t.TempDir(), "store"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	warnings := &[]string{}
	return Book{Store: st, Warn: func(s string) { *warnings = append(*warnings, s) }}, warnings
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

func FuzzParse(f *testing.F) {
	b, err := sample().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"version":1,"job":"x","started":"2026-11-28T00:00:00+09:00"}`))
	f.Add([]byte(`{"version":1,"job":"x","started":"2026-11-28T00:00:00Z","image":{"file":null},"environment":[{}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Parse(b)
		if err != nil {
			return
		}
		r.Differences(Surroundings{Exists: func(string) bool { return false }})
		encoded, err := r.Encode()
		if err != nil {
			return // years that JSON cannot have
		}
		again, err := Parse(encoded)
		if err != nil {
			t.Fatalf("%s is not read back: %v", encoded, err)
		}
		if r.Key() != again.Key() {
			t.Errorf("the key of %s changes when it is read back", encoded)
		}
	})
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
