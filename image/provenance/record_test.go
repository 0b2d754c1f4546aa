package provenance

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
		Machine: Machine{Jrun: "1.0", Kernel: "6.1.0", Architecture: "x86_64", OS: "Debian GNU/Linux 12", GPUDrivers: []string{"nvidia 550.54.14"}},
		Injected: []Injection{
			{Kind: "file", Source: "/usr/lib/libcuda.so.550.54.14", Destination: "/run/jrun/gpu/lib/libcuda.so.1", Why: "CUDA"},
			{Kind: "variable", Destination: "VENDOR_TOKEN", Secret: true, Why: "the specification sets it"},
			{Kind: "last in", Destination: "LD_LIBRARY_PATH", Value: "/run/jrun/gpu/lib", Why: "libraries"},
		},
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
