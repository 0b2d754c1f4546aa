package jobscript

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/site"
)

var update = flag.Bool("update", false, "write the golden files")

const image = "harbor.example.ac.jp/taro/cfd:2026-11-29"

func noHook() site.Job {
	no := false
	return site.Job{Hook: &no}
}

func TestScripts(t *testing.T) {
	for name, test := range map[string]struct {
		job  Job
		site site.Job
	}{
		"serial":      {Job{Image: image}, site.Job{}},
		"serial-site": {Job{Image: image, Mail: "taro@example.ac.jp"}, site.Job{Queue: "small", Select: "1:ncpus=4:mem=8gb", Walltime: "12:00:00"}},
		"gpu":         {Job{Image: image, Kind: GPU}, site.Job{Select: "1:ncpus=8"}},
		"mpi":         {Job{Image: image, Kind: MPI, Command: []string{"./solver", "-in", "my case.dat"}, Shape: Shape{Chunks: 4, CPUs: 32, MemoryGiB: 64}}, site.Job{}},
		"select":      {Job{Image: image, Kind: MPI, Select: "1:ncpus=4:mpiprocs=2+3:ncpus=8:mpiprocs=8", Queue: "large", Walltime: "2:30:00", Mail: "taro@example.ac.jp"}, site.Job{}},
		"plain":       {Job{Image: image}, noHook()},
		"plain-mpi":   {Job{Image: image, Kind: MPI}, noHook()},
		"template":    {Job{Image: image, Kind: MPI}, site.Job{Template: "testdata/site.tmpl"}},
	} {
		for _, lang := range message.Languages {
			t.Run(name+"-"+lang, func(t *testing.T) {
				p, _ := message.For(lang)
				got, err := Script(p, test.job, test.site)
				if err != nil {
					t.Fatal(err)
				}
				golden(t, filepath.Join("testdata", name+"."+lang+".sh"), got)
				wantShell(t, got)
			})
		}
	}
}

// wantShell: bash accepts the script.
func wantShell(t *testing.T, script string) {
	t.Helper()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash here")
	}
	check := exec.Command(bash, "-n")
	check.Stdin = strings.NewReader(script)
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("bash -n: %v\n%s\n%s", err, out, script)
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestLine(t *testing.T) {
	for name, test := range map[string]struct {
		site site.Job
		want string
	}{
		"hook":    {site.Job{}, "#PBS -l container_image=" + image},
		"no hook": {noHook(), "jrun " + image + " COMMAND"},
	} {
		if got, err := Line(image, test.site); err != nil || got != test.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestRefused(t *testing.T) {
	good := func(change func(*Job)) Job {
		j := Job{Image: image}
		change(&j)
		return j
	}
	for name, j := range map[string]Job{
		"no image":                  good(func(j *Job) { j.Image = "" }),
		"two resources":             good(func(j *Job) { j.Image += ",ncpus=99" }),
		"a directive in the image":  good(func(j *Job) { j.Image += "\n#PBS -q root" }),
		"a command in the image":    good(func(j *Job) { j.Image += ";reboot" }),
		"capitals in the image":     good(func(j *Job) { j.Image = "harbor.example.ac.jp/Taro/x:1" }),
		"a directive in the name":   good(func(j *Job) { j.Name = "x\n#PBS -l y" }),
		"spaces in the queue":       good(func(j *Job) { j.Queue = "a b" }),
		"minutes of ninety seconds": good(func(j *Job) { j.Walltime = "1:00:90" }),
		"two options":               good(func(j *Job) { j.Select = "1:ncpus=1 -q root" }),
		"a line in the select":      good(func(j *Job) { j.Select = "1\n#PBS -q root" }),
		"a line in the walltime":    good(func(j *Job) { j.Walltime = "1:00:00\n" }),
		"a line in the mail":        good(func(j *Job) { j.Mail = "a@b.c\n#PBS -q x" }),
		"no time":                   good(func(j *Job) { j.Walltime = "long" }),
		"two addresses":             good(func(j *Job) { j.Mail = "a@b.c,d@e.f" }),
		"two lines":                 good(func(j *Job) { j.Command = []string{"echo", "a\nb"} }),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Script(printer(), j, site.Job{})
			var fail *message.Error
			if !errors.As(err, &fail) || len(fail.Next) == 0 {
				t.Errorf("%v", err)
			}
		})
	}
	if _, err := Script(printer(), Job{Image: image}, site.Job{Select: "1:ncpus=1 -W block=true"}); err == nil {
		t.Error("the site's select is not checked")
	}
	for _, file := range []string{"testdata/missing.tmpl", "testdata/broken.tmpl"} {
		if _, err := Script(printer(), Job{Image: image}, site.Job{Template: file}); err == nil {
			t.Errorf("%s is accepted", file)
		}
	}
}

func printer() *message.Printer {
	p, _ := message.For("en")
	return p
}

// TestWords: a line of shell becomes words, or stays a line of a shell inside.
func TestWords(t *testing.T) {
	for line, want := range map[string][]string{
		"":                                nil,
		"  ":                              nil,
		"python3 main.py":                 {"python3", "main.py"},
		`./solve -in 'my case.dat' "a b"`: {"./solve", "-in", "my case.dat", "a b"},
		`echo a\ b`:                       {"echo", "a b"},
		"./a > out.txt":                   {"sh", "-c", "./a > out.txt"},
		"cd run && ./a | tee log":         {"sh", "-c", "cd run && ./a | tee log"},
		"echo $HOME":                      {"sh", "-c", "echo $HOME"},
		`echo "$HOME"`:                    {"sh", "-c", `echo "$HOME"`},
		"ls *.dat":                        {"sh", "-c", "ls *.dat"},
		"OMP_NUM_THREADS=4 ./a":           {"sh", "-c", "OMP_NUM_THREADS=4 ./a"},
		"./a ~/x":                         {"sh", "-c", "./a ~/x"},
		"./a # what":                      {"sh", "-c", "./a # what"},
		"! ./a":                           {"sh", "-c", "! ./a"},
		"while true; do ./a; done":        {"sh", "-c", "while true; do ./a; done"},
	} {
		got, err := Words(line)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", line, err, diff)
		}
	}
	for _, line := range []string{"echo 'a", "a\nb", "a && ", "if", "a\x00b", "a\rb"} {
		_, err := Words(line)
		var fail *message.Error
		if !errors.As(err, &fail) || len(fail.Next) == 0 {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// FuzzWords: what the shell runs of a script is what it runs of the line.
func FuzzWords(f *testing.F) {
	for _, line := range []string{`printf '%s|' a 'b c' "d"`, `printf %s\| a\ b`, "printf '%s|' {1,2}", `printf "%s|" "\$a\"b"`, "printf '%s|' $'a'", "printf '%s|' a=b x~"} {
		f.Add(line)
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		f.Skip("there is no bash here")
	}
	f.Fuzz(func(t *testing.T, line string) {
		words, err := Words(line)
		if err != nil || len(words) < 2 || words[0] != "printf" {
			return // anything may be run otherwise
		}
		run := func(script string) string {
			cmd := exec.Command(bash, "-c", script)
			cmd.Env = []string{"LC_ALL=C"}
			out, _ := cmd.Output() // both may fail
			return string(out)
		}
		if a, b := run(line), run(quote(words)); a != b {
			t.Errorf("%q says %q as it is, and %q as %s", line, a, b, quote(words))
		}
	})
}

// FuzzCommand: whatever the words of a command are, the shell sees just these.
func FuzzCommand(f *testing.F) {
	for _, word := range []string{"a b", "it's", `"`, "$HOME", "`id`", "$(id)", "~", "a;b", "日本", "-n", "!x", "\\", "x=1", "*", ""} {
		f.Add(word)
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		f.Skip("there is no bash here")
	}
	f.Fuzz(func(t *testing.T, word string) {
		script, err := Script(printer(), Job{Image: image, Command: []string{"printf", "%s", word}}, site.Job{})
		if err != nil {
			return
		}
		wantShell(t, script)
		last := script[strings.LastIndexByte(strings.TrimRight(script, "\n"), '\n')+1:]
		run := exec.Command(bash, "-c", last)
		run.Env = []string{"LC_ALL=C"}
		out, err := run.Output()
		if err != nil || string(out) != word {
			t.Errorf("%q became %q: %v\n%s", word, out, err, last)
		}
	})
}
