package pbs

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// event is what testdata/run_hook.py gives to the hook.
type event struct {
	Event    string   `json:"event"`
	Job      job      `json:"job"`
	Before   job      `json:"job_o,omitempty"`
	Progname string   `json:"progname,omitempty"`
	Argv     []string `json:"argv,omitempty"`
	Config   any      `json:"config,omitempty"`
	Jobs     []string `json:"jobs,omitempty"`
}

// job has attributes as PBS names them.
type job map[string]any

// answer is what the hook decided and set.
type answer struct {
	Accepted bool
	Message  string
	Error    string
	Stderr   string
	Progname string
	Argv     []string
	EUser    any
	Node     any
}

func ask(t *testing.T, e event) answer {
	t.Helper()
	return askAll(t, []event{e})[0]
}

// askAll runs the hook on the machine's Python, with the stand-in for PBS's module.
func askAll(t *testing.T, events []event) []answer {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("this machine has no python3, in which the hook is written")
	}
	text, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"run_hook.py", "stub/pbs.py"} { // so that go test knows what the result depends on
		if _, err := os.ReadFile(filepath.Join("testdata", name)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(python, "testdata/run_hook.py", "hook.py")
	cmd.Stdin = bytes.NewReader(text)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	var answers []answer
	if err := json.Unmarshal(out, &answers); err != nil || len(answers) != len(events) {
		t.Fatalf("%v: %s", err, out)
	}
	return answers
}

// site is the configuration of most tests.
var site = Settings{
	Jrun:              "/bin/sh", // a program that is there
	DefaultRegistry:   "harbor.example/shared",
	AllowedRegistries: []string{"harbor.example", "other.example:5000/open"},
	Options:           []string{"--bind", "-B", "--env", "-e", "--verbose", "-v"},
}

func wanting(image string) map[string]string { return map[string]string{"container_image": image} }

// TestSubmitting is about what people type; rejected is a part of what they are told.
func TestSubmitting(t *testing.T) {
	const forged = "p\npbs.event().job.euser=root\nx"
	digest := "@sha256:" + strings.Repeat("a", 64)
	tests := map[string]struct {
		job      job
		rejected string
	}{
		"no image":                  {job{"Job_Name": "STDIN", "Priority": 3}, ""},
		"nothing at all":            {job{}, ""},
		"resource":                  {job{"Resource_List": wanting("harbor.example/lab/sim:2")}, ""},
		"other resources":           {job{"Resource_List": map[string]string{"mem": "1gb"}}, ""},
		"variable":                  {job{"Variable_List": map[string]string{"CONTAINER_IMAGE": "harbor.example/lab/sim:2"}}, ""},
		"both, the same":            {job{"Resource_List": wanting("a/b:1"), "Variable_List": map[string]string{"CONTAINER_IMAGE": "a/b:1"}}, ""},
		"both, different":           {job{"Resource_List": wanting("a/b:1"), "Variable_List": map[string]string{"CONTAINER_IMAGE": "a/b:2"}}, "two images are named"},
		"short name":                {job{"Resource_List": wanting("python:3")}, ""},
		"project and name":          {job{"Resource_List": wanting("lab/python:3")}, ""},
		"digest":                    {job{"Resource_List": wanting("harbor.example/lab/sim" + digest)}, ""},
		"tag and digest":            {job{"Resource_List": wanting("harbor.example/lab/sim:2" + digest)}, ""},
		"port":                      {job{"Resource_List": wanting("other.example:5000/open/a/b/c:1")}, ""},
		"scheme":                    {job{"Resource_List": wanting("docker://harbor.example/lab/sim:2")}, ""},
		"file":                      {job{"Resource_List": wanting("/archive/sim.sqfs")}, ""},
		"layout":                    {job{"Resource_List": wanting("oci:/archive/sim:2")}, ""},
		"relative file":             {job{"Resource_List": wanting("./sim.sqfs")}, "begin it with /"},
		"relative layout":           {job{"Resource_List": wanting("oci:sim")}, "begin it with /"},
		"upper case":                {job{"Resource_List": wanting("harbor.example/Lab/sim:2")}, "lower case"},
		"space":                     {job{"Resource_List": wanting("harbor.example/lab/sim :2")}, "not the name of an image"},
		"option":                    {job{"Resource_List": wanting("--root")}, "not the name of an image"},
		"other scheme":              {job{"Resource_List": wanting("http://harbor.example/lab/sim")}, "not the name of an image"},
		"short digest":              {job{"Resource_List": wanting("harbor.example/lab/sim@sha256:12")}, "not the name of an image"},
		"empty tag":                 {job{"Resource_List": wanting("harbor.example/lab/sim:")}, "not the name of an image"},
		"nothing but host":          {job{"Resource_List": wanting("harbor.example/")}, "not the name of an image"},
		"other registry":            {job{"Resource_List": wanting("docker.io/library/python:3")}, "not allowed here"},
		"registry with same start":  {job{"Resource_List": wanting("harbor.example.evil/lab/sim:2")}, "not allowed here"},
		"other project":             {job{"Resource_List": wanting("other.example:5000/closed/a:1")}, "not allowed here"},
		"project with same start":   {job{"Resource_List": wanting("other.example:5000/opened/a:1")}, "not allowed here"},
		"control character":         {job{"Resource_List": wanting("harbor.example/lab/sim:2\x1b[2J")}, "control characters"},
		"forged by the image":       {job{"Resource_List": wanting("harbor.example/lab/sim:2\npbs.event().job.euser=root")}, "control characters"},
		"forged by the project":     {job{"project": forged}, "the attribute project has control characters"},
		"forged by the account":     {job{"Account_Name": forged}, "the attribute Account_Name"},
		"forged by the name":        {job{"Job_Name": forged}, "the attribute Job_Name"},
		"forged by the program":     {job{"executable": forged}, "the attribute executable"},
		"forged by arguments":       {job{"argument_list": "<jsdl-hpcpa:Argument>a\npbs.event().job.euser=root</jsdl-hpcpa:Argument>"}, "the attribute argument_list"},
		"forged by a path":          {job{"Output_Path": forged}, "the attribute Output_Path"},
		"forged by a resource":      {job{"Resource_List": map[string]string{"mem": "1\npbs.event().job.euser=root"}}, "the resource mem"},
		"forged by a variable":      {job{"Variable_List": map[string]string{"A": "\"\"\"\npbs.event().job.euser=root"}}, "three quotes"},
		"forged by a name":          {job{"Variable_List": map[string]string{"A\nB": "x"}}, "three quotes"},
		"function of the shell":     {job{"Variable_List": map[string]string{"BASH_FUNC_ml%%": "() {  eval $($LMOD_CMD bash \"$@\")\n}"}}, ""},
		"options":                   {job{"Resource_List": wanting("a:1"), "Variable_List": map[string]string{"JRUN_OPTIONS": "--bind /data:/data -e 'A=b c' --env=X=1 -v"}}, ""},
		"options with commas":       {job{"Resource_List": wanting("a:1"), "Variable_List": map[string]string{"JRUN_OPTIONS": `--env=X=1\,2`}}, ""},
		"option that is not listed": {job{"Resource_List": wanting("a:1"), "Variable_List": map[string]string{"JRUN_OPTIONS": "--root"}}, "may not have --root here\n  next: use only --bind -B --env -e --verbose -v"},
		"options without an image":  {job{"Variable_List": map[string]string{"JRUN_OPTIONS": "-v"}}, "names no image"},
		"options half quoted":       {job{"Resource_List": wanting("a:1"), "Variable_List": map[string]string{"JRUN_OPTIONS": "-e 'a"}}, "cannot be read"},
	}
	var names []string
	var events []event
	for name, test := range tests {
		names = append(names, name)
		for _, kind := range []string{"queuejob", "modifyjob"} {
			events = append(events, event{Event: kind, Job: test.job, Config: site})
		}
	}
	answers := askAll(t, events)
	for i, name := range names {
		test := tests[name]
		t.Run(name, func(t *testing.T) {
			for j, kind := range []string{"queuejob", "modifyjob"} {
				got := answers[2*i+j]
				if got.Error != "" {
					t.Fatalf("%s: %s", kind, got.Error)
				}
				if got.Accepted != (test.rejected == "") || !strings.Contains(got.Message, test.rejected) {
					t.Errorf("%s: accepted: %v, %q, want %q", kind, got.Accepted, got.Message, test.rejected)
				}
				if !got.Accepted && !strings.HasPrefix(got.Message, "jrun: ") {
					t.Errorf("%s: %q does not say whose message it is", kind, got.Message)
				}
				if strings.ContainsAny(strings.ReplaceAll(got.Message, "\n", ""), "\x1b\r\x07") {
					t.Errorf("%s: the message controls the terminal: %q", kind, got.Message)
				}
			}
		})
	}
}

// TestModifying looks at a job as it will be.
func TestModifying(t *testing.T) {
	before := job{"Resource_List": wanting("harbor.example/lab/sim:2"), "Variable_List": map[string]string{"JRUN_OPTIONS": "-v"}}
	for name, test := range map[string]struct {
		change   job
		rejected string
	}{
		"something else":   {job{"Priority": 3}, ""},
		"another image":    {job{"Resource_List": wanting("harbor.example/lab/sim:3")}, ""},
		"a forbidden one":  {job{"Resource_List": wanting("docker.io/library/python:3")}, "not allowed"},
		"bad options":      {job{"Variable_List": map[string]string{"JRUN_OPTIONS": "--root"}}, "may not have"},
		"forged attribute": {job{"Account_Name": "a\nb"}, "control characters"},
	} {
		got := ask(t, event{Event: "modifyjob", Job: test.change, Before: before, Config: site})
		if got.Error != "" || got.Accepted != (test.rejected == "") || !strings.Contains(got.Message, test.rejected) {
			t.Errorf("%s: %+v, want %q", name, got, test.rejected)
		}
	}
}

func TestWithoutDefaultRegistry(t *testing.T) {
	got := ask(t, event{Event: "queuejob", Job: job{"Resource_List": wanting("python:3")}, Config: Settings{}})
	if got.Accepted || !strings.Contains(got.Message, "names no registry") {
		t.Errorf("got %+v", got)
	}
}

func TestLaunching(t *testing.T) {
	image := wanting("harbor.example/lab/sim:2")
	for name, test := range map[string]struct {
		job      job
		progname string
		argv     []string
		want     []string // the arguments; nil for those there were
	}{
		"no image":  {job{}, "/bin/bash", nil, nil},
		"shell":     {job{"Resource_List": image}, "/bin/bash", nil, []string{"jrun", "pbs-launch", "--mode=shell", "--image=harbor.example/lab/sim:2", "--", "/bin/bash"}},
		"variable":  {job{"Variable_List": map[string]string{"CONTAINER_IMAGE": "harbor.example/lab/sim:2", "B": "1"}}, "/bin/bash", nil, []string{"jrun", "pbs-launch", "--mode=shell", "--image=harbor.example/lab/sim:2", "--", "/bin/bash"}},
		"task":      {job{"Resource_List": image}, "orted", []string{"orted", "-mca", "x", `a,b\c "d"`}, []string{"jrun", "pbs-launch", "--mode=task", "--image=harbor.example/lab/sim:2", "--", "orted", "-mca", "x", `a,b\c "d"`}},
		"empty":     {job{"Resource_List": image}, "/bin/echo", []string{"/bin/echo", "", "=x", "-n"}, []string{"jrun", "pbs-launch", "--mode=task", "--image=harbor.example/lab/sim:2", "--", "/bin/echo", "=", "==x", "-n"}},
		"no option": {job{"Resource_List": wanting("--root")}, "/bin/sh", nil, []string{"jrun", "pbs-launch", "--mode=shell", "--image=--root", "--", "/bin/sh"}},
	} {
		got := ask(t, event{Event: "execjob_launch", Job: test.job, Progname: test.progname, Argv: test.argv, Config: site})
		if !got.Accepted || got.Error != "" || got.Stderr != "" {
			t.Errorf("%s: %+v", name, got)
			continue
		}
		program, argv := "/bin/sh", test.want
		if test.want == nil {
			program, argv = test.progname, append([]string{}, test.argv...)
		}
		if diff := cmp.Diff(append([]string{program}, argv...), append([]string{got.Progname}, got.Argv...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		for i, a := range test.argv {
			if i > 0 && test.want != nil && Unquoted(got.Argv[5+i]) != a {
				t.Errorf("%s: %q arrives as %q", name, a, Unquoted(got.Argv[5+i]))
			}
		}
	}
}

// TestForged is what gets past the server: a MoM believes that the job is root's.
// It may end in any image, for its owner is who it runs as; but nowhere else.
func TestForged(t *testing.T) {
	got := ask(t, event{
		Event: "execjob_launch", Progname: "/bin/bash", Config: site,
		Job: job{"project": "p\npbs.event().job.euser=root\nx", "Resource_List": wanting("harbor.example/lab/sim:2")},
	})
	if got.EUser != "root" {
		t.Fatal("the stand-in does not have the hole that OpenPBS has; this test shows nothing")
	}
	if !got.Accepted || got.Progname != "/bin/sh" || got.Argv[1] != "pbs-launch" {
		t.Errorf("got %+v", got)
	}
}

// TestFailClosed: whatever goes wrong, the program does not run as it was.
func TestFailClosed(t *testing.T) {
	launch := event{Event: "execjob_launch", Progname: "/bin/bash", Job: job{"Resource_List": wanting("harbor.example/lab/sim:2")}}
	for name, config := range map[string]any{
		"no jrun":       Settings{Jrun: "/nowhere/jrun"},
		"broken config": "{",
		"wrong types":   `{"jrun": 3}`,
		"list":          `[1]`,
	} {
		launch.Config = config
		got := ask(t, launch)
		if got.Accepted || got.Error != "" || !strings.Contains(got.Stderr, "next: tell the administrator: jrun pbs check") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for name, launch := range map[string]event{
		"name of two lines": {Event: "execjob_launch", Progname: "/bin/bash", Config: site, Job: job{"Variable_List": map[string]string{"CONTAINER_IMAGE": "a\nb"}}},
		"no configuration":  {Event: "execjob_launch", Progname: "/bin/bash", Argv: []string{"/bin/bash"}, Config: Settings{}, Job: job{"Resource_List": wanting("a:1")}},
	} {
		if got := ask(t, launch); got.Accepted || got.Progname != "/bin/sh" || !slices.Contains(got.Argv, "exit 125") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	conflict := launch
	conflict.Config = site
	conflict.Job = job{"Resource_List": wanting("a:1"), "Variable_List": map[string]string{"CONTAINER_IMAGE": "b:1"}}
	if got := ask(t, conflict); got.Accepted || !strings.Contains(got.Stderr, "two images") {
		t.Errorf("two images: %+v", got)
	}
}

// TestLookingAfter runs the periodic part: what it says of the node, and that it ends
// holders of jobs that are gone, and nothing else.
func TestLookingAfter(t *testing.T) {
	dir := t.TempDir()
	jrun := filepath.Join(dir, "jrun")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(jrun, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write("#!/bin/sh\necho 'jrun 1.2 (x)'\n")
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip("this machine has no sleep(1)")
	}
	text, err := os.ReadFile(sleep)
	if err != nil {
		t.Fatal(err)
	}
	ended := map[string]chan error{}
	for _, p := range []struct{ name, job, program string }{
		{"of a job that is there", "1.server", "jrun-holder"}, {"of one that has ended", "2.server", "jrun-holder"},
		{"of none", "", "jrun-holder"}, {"of another name", "2.server", "other"},
	} {
		program := filepath.Join(dir, strings.ReplaceAll(p.name, " ", "-"), p.program)
		if err := os.MkdirAll(filepath.Dir(program), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(program, text, 0o700); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(program, "60")
		cmd.Env = []string{"PBS_JOBID=" + p.job}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		ended[p.name] = done
	}
	got := ask(t, event{Event: "exechost_periodic", Jobs: []string{"1.server"}, Config: Settings{Jrun: jrun}})
	if !got.Accepted || got.Error != "" || got.Node != "1.2" {
		t.Errorf("got %+v", got)
	}
	<-ended["of one that has ended"]
	for name, done := range ended {
		select {
		case err := <-done:
			t.Errorf("the holder %s has ended: %v", name, err)
		default:
		}
	}
	got = ask(t, event{Event: "exechost_startup", Config: Settings{Jrun: "/nowhere/jrun"}})
	if !got.Accepted || got.Node != "missing" {
		t.Errorf("without a jrun: %+v", got)
	}
	write("#!/bin/sh\nexit 1\n")
	if got = ask(t, event{Event: "exechost_startup", Config: Settings{Jrun: jrun}}); !got.Accepted || got.Node != "missing" {
		t.Errorf("with a broken jrun: %+v", got)
	}
}

// TestPythonOfOldMachines: the oldest Python that the hook must run on is 3.6.
func TestPythonOfOldMachines(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("this machine has no python3, in which the hook is written")
	}
	out, err := exec.Command(python, "-c", "import ast, sys; ast.parse(open(sys.argv[1]).read(), feature_version=(3, 6))", "hook.py").CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestSplitWords compares with Python's shlex, which the hook uses.
func TestSplitWords(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("this machine has no python3 to compare with")
	}
	texts := []string{
		"", " ", "a", "a b", " a  b ", `'a b'`, `"a b"`, `a'b'c`, `a"b"'c'`, `\ a`, `a\ b`, `"a\"b"`, `"a\b"`, `'a\b'`, `""`, `'' x`,
		`a\`, `'a`, `"a`, `"a\`, "a\tb\nc", `\\`, `"\\"`, `-e 'A=b c' --bind=/x`, `画 '像'`, `a#b`, `a;b|c`, `"\$x"`,
	}
	const program = `
import json, shlex, sys
def split(text):
    try:
        return shlex.split(text)
    except ValueError:
        return None
print(json.dumps([split(text) for text in json.load(sys.stdin)]))`
	asked, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-c", program)
	cmd.Stdin = bytes.NewReader(asked)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var answers []*[]string
	if err := json.Unmarshal(out, &answers); err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		got, err := SplitWords(text)
		if answers[i] == nil || err != nil {
			if answers[i] != nil || err == nil {
				t.Errorf("%q: %v, and Python says %v", text, err, answers[i])
			}
			continue
		}
		want := *answers[i]
		if diff := cmp.Diff(append([]string{}, want...), append([]string{}, got...)); diff != "" {
			t.Errorf("%q (-Python +got):\n%s", text, diff)
		}
	}
}
