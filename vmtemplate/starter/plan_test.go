package starter

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

var update = flag.Bool("update", false, "write the golden files")

// site are the bases of a campus registry.
var site = []string{
	"harbor.example.ac.jp/jaist/python:3.12", "harbor.example.ac.jp/jaist/python:3.13-slim", "harbor.example.ac.jp/jaist/python:3.14-alpine", "harbor.example.ac.jp/jaist/miniforge3:24.11",
	"harbor.example.ac.jp/jaist/r-ver:4.4", "harbor.example.ac.jp/jaist/julia:1.10", "harbor.example.ac.jp/jaist/julia:1.11", "harbor.example.ac.jp/jaist/node:20", "jaist/debian:12", "jaist/ubuntu:24.04",
}

// plain are distributions only.
var plain = []string{"debian:bookworm", "ubuntu:24.04"}

// TestPlans: the whole of a plan, in English.
func TestPlans(t *testing.T) {
	for _, test := range []struct {
		dir, file string
		bases     []string
	}{
		{"requirements", "requirements.txt", site}, {"debianpip", "requirements.txt", plain}, {"includes", "requirements.txt", site}, {"vcs", "requirements.txt", plain},
		{"pyproject", "pyproject.toml", site}, {"conda", "environment.yml", site}, {"conda-export", "environment.yml", plain}, {"description", "DESCRIPTION", site},
		{"description", "DESCRIPTION", plain}, {"julia", "Project.toml", site}, {"julia-package", "Project.toml", plain}, {"node", "package.json", site}, {"node", "package.json", plain}, {"node-lock", "package.json", site}, {"apt", "apt.txt", site},
	} {
		name := test.dir
		if test.bases[0] == plain[0] {
			name += "-plain"
		}
		t.Run(name, func(t *testing.T) {
			plan, err := Make(Ask{Dir: os.DirFS(filepath.Join("testdata", test.dir)), Name: test.file, Bases: test.bases})
			if err != nil {
				t.Fatal(err)
			}
			english, _ := message.For("en")
			got := draw(plan.In(english))
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			japanese, _ := message.For("ja")
			if words := draw(plan.In(japanese)); strings.Contains(words, "%!") || strings.Contains(words, "starter.") {
				t.Errorf("in Japanese:\n%s", words)
			}
		})
	}
}

func draw(w Words) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s on %s: %s\n", w.Kind, w.Base, w.Reason)
	for _, f := range w.Files {
		fmt.Fprintf(&b, "\nfile %s\n%s", f.Path, indent(f.Content))
	}
	for _, s := range w.Steps {
		fmt.Fprintf(&b, "\nstep: %s\n%s", s.What, indent(s.Run))
	}
	fmt.Fprintln(&b)
	for _, e := range w.Env {
		fmt.Fprintf(&b, "env %s\n", e)
	}
	for _, n := range w.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	return b.String()
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("    " + strings.TrimRight(line, "\n") + "\n")
	}
	return b.String()
}

// TestMistakes: what is wrong is said with its file and line.
func TestMistakes(t *testing.T) {
	for _, test := range []struct {
		name, file, text string
		want             string
	}{
		{"a space in a name", "requirements.txt", "numpy\nnot a package\n", `line 2, cannot be understood: "not a package"`},
		{"a specifier without a version", "requirements.txt", "\n\nnumpy==\n", "line 3"},
		{"a single =", "requirements.txt", "numpy=1.26\n", "line 1"},
		{"an unknown option", "requirements.txt", "numpy\n--target=/x\n", "line 2, cannot be understood: the option --target"},
		{"an option without a value", "requirements.txt", "--index-url\n", "needs a value"},
		{"an include that is missing", "requirements.txt", "# x\n-r other.txt\n", "line 2, cannot be understood: cannot read other.txt"},
		{"an include outside", "requirements.txt", "-r ../../secret.txt\n", "not a file in this directory"},
		{"a password", "requirements.txt", "--index-url https://me:hunter2@pypi.example.org/simple\nx\n", "must not get into an image"},
		{"a token", "requirements.txt", "git+https://ghp_abcdef@github.com/a/b.git\n", "must not get into an image"},
		{"nothing", "requirements.txt", "# nothing\n", "lists nothing"},
		{"no text", "requirements.txt", "numpy\n\x00\n", "line 2"},
		{"Latin-1", "DESCRIPTION", "Package: x\nAuthor: J\xe9r\xf4me\n", "line 2"},
		{"YAML that is none", "environment.yml", "name: x\ndependencies: [a\n", "line"},
		{"a list instead", "environment.yml", "- a\n", "line 1"},
		{"dependencies that are no list", "environment.yml", "name: x\ndependencies: numpy\n", "line 2"},
		{"a specification", "environment.yml", "dependencies:\n  - numpy\n  - 'a b c d=='\n", "line 3"},
		{"pip in conda", "environment.yml", "dependencies:\n  - pip\n  - pip:\n    - numpy\n    - ./mine\n", "line 5, cannot be understood: ./mine"},
		{"a map for a package", "environment.yml", "dependencies:\n  - conda: [x]\n", "line 2"},
		{"an option as channel", "environment.yml", "channels: [--foo]\ndependencies: [x]\n", "line 1"},
		{"a token of a channel", "environment.yml", "channels:\n- https://x.org/t/abc-123/y\ndependencies: [x]\n", "line 2"},
		{"a field without a colon", "DESCRIPTION", "Package: x\nImports dplyr\n", "line 2"},
		{"a field that goes on from nothing", "DESCRIPTION", "  dplyr\n", "line 1"},
		{"a dependency", "DESCRIPTION", "Package: x\nImports:\n    dplyr,\n    g g\n", `line 4, cannot be understood: "g g" in Imports`},
		{"a version", "DESCRIPTION", "Imports: dplyr (>= x)\n", "line 1"},
		{"a field twice", "DESCRIPTION", "Imports: a\nImports: b\n", "line 2"},
		{"TOML that is none", "Project.toml", "[deps]\nA = \n", "line 2"},
		{"a UUID", "Project.toml", "[deps]\nA = \"a93c6f00-e57d-5684-b7b6-d8193f3e46c0\"\nB = \"x\"\n", "line 3"},
		{"poetry", "pyproject.toml", "[tool.poetry.dependencies]\npython = \"^3.10\"\n", "no section [project]"},
		{"dynamic", "pyproject.toml", "[project]\nname='x'\ndynamic=['dependencies']\n", "computed"},
		{"requires-python", "pyproject.toml", "[project]\nname='x'\nrequires-python='three'\ndependencies=['a']\n", `requires-python = "three"`},
		{"a Python that nobody has", "pyproject.toml", "[project]\nname='x'\nrequires-python='>=4'\ndependencies=['a']\n", "none of the images"},
		{"a dependency of pyproject", "pyproject.toml", "[project]\nname='x'\ndependencies=['-r x']\n", `"-r x"`},
		{"JSON that is none", "package.json", "{\n\"a\": 1,\n}", "line 3"},
		{"an apt package", "apt.txt", "gcc\n--purge\n", `line 2, cannot be understood: "--purge"`},
		{"an injection", "apt.txt", "gcc;reboot\n", "line 1"},
		{"a list that can be two things", "list.txt", "numpy\n", "can be a list for Python or for apt-get"},
		{"something else", "a.out", "x", "what kind of list"},
		{"a Dockerfile", "Dockerfile", "FROM x\n", "what kind of list"},
	} {
		t.Run(test.name, func(t *testing.T) {
			plan, err := Make(Ask{Dir: fstest.MapFS{test.file: {Data: []byte(test.text)}}, Name: test.file, Bases: site})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("the error is %v; the plan %+v", err, plan)
			}
			var ours *message.Error
			if !errors.As(err, &ours) || len(ours.Next) == 0 {
				t.Errorf("%v does not say what to type", err)
			}
		})
	}
}

func TestDetect(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       Kind
	}{
		{"dir/requirements.txt", "", Pip}, {"requirements-dev.txt", "", Pip}, {"dev-requirements.in", "", Pip}, {"list.txt", "numpy==1\n", Pip}, {"list.txt", "a\nb [x] >= 2\n", Pip},
		{"apt.txt", "", Apt}, {"my-apt-packages.txt", "gcc\n", Apt}, {"env.yaml", "name: x\ndependencies:\n- a\n", Conda}, {"environment.yml", "", Conda},
		{"DESCRIPTION", "", RDescription}, {"Project.toml", "", Julia}, {"my.toml", "[deps]\n", Julia}, {"my.toml", "[project]\n", PyProject}, {"package.json", "", Node},
		{"compose.yml", "services:\n", ""}, {"notes.txt", "hello\n", ""}, {"setup.py", "", ""}, {"renv.lock", "", ""},
	} {
		got, err := Detect(test.name, []byte(test.text))
		if got != test.want || (err == nil) == (test.want == "") {
			t.Errorf("%s with %q: %q, %v", test.name, test.text, got, err)
		}
	}
}

func TestChoose(t *testing.T) {
	atLeast := func(low string) func(string) bool { return func(v string) bool { return !newerVersion(low, v) } }
	for _, test := range []struct {
		name   string
		bases  []string
		own    string
		wanted family
		fits   func(string) bool
		want   string // empty: none
	}{
		{"the newest made for it", site, "", pythonImage, nil, "harbor.example.ac.jp/jaist/python:3.13-slim"},
		{"the newest that fits", site, "", pythonImage, func(v string) bool { return !newerVersion(v, "3.12") }, "harbor.example.ac.jp/jaist/python:3.12"},
		{"a distribution that fits", []string{"python:3.8", "debian:12", "ubuntu:22.04"}, "", pythonImage, atLeast("3.11"), "debian:12"},
		{"by its code name", []string{"debian:bullseye-slim", "debian:trixie-20260101"}, "", pythonImage, atLeast("3.12"), "debian:trixie-20260101"},
		{"the first distribution", []string{"ubuntu:24.04", "debian:12"}, "", condaImage, nil, "ubuntu:24.04"},
		{"a tag that says nothing", []string{"python:latest"}, "", pythonImage, atLeast("3.12"), "python:latest"},
		{"a digest", []string{"x.org/a/python:3.12@sha256:abc"}, "", pythonImage, nil, "x.org/a/python:3.12@sha256:abc"},
		{"a registry with a port", []string{"localhost:5000/julia"}, "", juliaImage, nil, "localhost:5000/julia"},
		{"Alpine only", []string{"python:3.12-alpine"}, "", pythonImage, nil, ""},
		{"nothing", nil, "", pythonImage, nil, ""},
		{"nothing that fits", []string{"python:3.8"}, "", pythonImage, atLeast("3.11"), ""},
		{"one's own", site, "lab/mine:1", pythonImage, atLeast("3.11"), "lab/mine:1"},
		{"one's own that does not fit", site, "debian:11", pythonImage, atLeast("3.11"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := &planner{Ask: Ask{Bases: test.bases, Base: test.own}, plan: &Plan{}}
			c, err := p.choose(test.wanted, test.fits, "it")
			if (err == nil) == (test.want == "") || err == nil && (c.name != test.want || p.plan.Base != test.want || p.plan.Reason.Empty()) {
				t.Errorf("%q, %v", c.name, err)
			}
		})
	}
}

func TestVersions(t *testing.T) {
	for _, test := range []struct {
		compat, version string
		want            bool
	}{
		{"1.10", "1.10", true}, {"1.10", "1.11.2", true}, {"1.10", "1.9", false}, {"1.10", "2.0", false}, {"~1.10", "1.11", false}, {"~1.10", "1.10.5", true},
		{"1.6, 2", "2.1", true}, {"=1.10.4", "1.10.4", true}, {"=1.10.4", "1.10.5", false}, {"≥ 1.6", "3.0", true}, {">=1.6", "1.5", false}, {"0.7", "0.8", false}, {"1", "1.12", true},
		{"1.6 - 1.9", "1.12", true}, // not understood: nothing is refused
	} {
		if got := juliaFits(test.version, test.compat); got != test.want {
			t.Errorf("julia %s for %s: %v", test.version, test.compat, got)
		}
	}
	for compat, want := range map[string]string{"": "1.10", "1": "1.10", "1.11": "1.11", "~1.9": "1.9", "1.6 - 1.9": "1.10"} {
		if got := seriesFor(compat); got != want {
			t.Errorf("for %q the series is %s", compat, got)
		}
	}
	for _, test := range []struct {
		requires, version string
		want              bool
	}{
		{">=3.10", "3.10", true}, {">=3.10,<3.13", "3.13", false}, {">=3.12.4", "3.12", true}, {"~=3.11", "3.12.1", true}, {"==3.11.*", "3.12", false}, {"!=3.12.*", "3.12", false}, {">=3.8", "3.13", true}, {"<3.12", "3.12", false},
	} {
		fits, err := pythonFits(test.requires)
		if err != nil || fits(test.version) != test.want {
			t.Errorf("python %s for %s: not %v, %v", test.version, test.requires, test.want, err)
		}
	}
	for _, test := range []struct {
		operator, wanted, version string
		want                      bool
	}{
		{">=", "4.1", "4.2.2", true}, {">=", "4.2.3", "4.2", true}, {">=", "4.3", "4.2.2", false}, {"<", "4.3", "4.3.1", false}, {"", "", "3", true}, {">=", "4.1-2", "4.1.2", true},
	} {
		if got := satisfied(test.version, []rPackage{{"R", test.operator, test.wanted}}); got != test.want {
			t.Errorf("R %s for %s %s: %v", test.version, test.operator, test.wanted, got)
		}
	}
}

func TestEnvironment(t *testing.T) {
	p := &Plan{Env: []string{"VIRTUAL_ENV=/opt/venv", "PATH=/opt/venv/bin:${PATH}", "A=b=${c}"}}
	for _, test := range []struct{ base, want []string }{
		{[]string{"LANG=C.UTF-8", "PATH=/usr/bin", "A=x"}, []string{"LANG=C.UTF-8", "PATH=/opt/venv/bin:/usr/bin", "A=b=${c}", "VIRTUAL_ENV=/opt/venv"}},
		{nil, []string{"VIRTUAL_ENV=/opt/venv", "PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "A=b=${c}"}},
	} {
		if diff := cmp.Diff(test.want, p.Environment(test.base)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
