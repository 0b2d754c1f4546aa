package recipe

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/vmtemplate/change"
)

// at is a moment of a session that is made up.
func at(second int) time.Time { return time.Unix(1_775_034_000+int64(second), 0) }

// steps are the instructions for commands that took a second each, ten seconds apart.
func steps(t *testing.T, kind string, texts []string, changes []change.Change, files fstest.MapFS) string {
	t.Helper()
	s := Session{
		Name: "x", Base: Base{Pin: Pin{"a/b:1", "sha256:0"}, Env: []string{"PATH=/bin"}}, Changes: changes,
		Open: func(name string) (fs.File, error) { return files.Open(strings.TrimPrefix(name, "/")) },
	}
	s.Record.Shells = []Shell{{Kind: kind, Home: "/root", Dir: "/", Parent: -1}}
	for i, text := range texts {
		s.Record.Commands = append(s.Record.Commands, Command{Text: text, Dir: "/", After: "/", Start: at(10 * i), End: at(10*i + 1), Ended: true})
	}
	r := Build(s)
	read(t, r.Dockerfile)
	_, instructions, _ := strings.Cut(r.Dockerfile, "\nFROM a/b:1@sha256:0\n")
	return strings.TrimLeft(instructions, "\n")
}

func TestPrograms(t *testing.T) {
	added := func(second int, path string) change.Change {
		return change.Change{Kind: change.Added, Path: path, Bytes: 5, At: at(second)}
	}
	files := fstest.MapFS{
		"opt/julia/environments/v1.9/Project.toml": {Data: []byte("[deps]")}, "opt/conda/etc/profile.d/conda.sh": {Data: []byte("x")}, "etc/app.conf": {Data: []byte("x=1\n")},
		"opt/bin/x": {Data: []byte("\x7fELF\x00")}, "etc/key": {Data: []byte("machine a login b password s3cr3t-word\n")},
	}
	for _, test := range []struct {
		name    string
		texts   []string
		changes []change.Change
		want    string
	}{
		{"R", []string{"R"}, []change.Change{added(1, "/usr/local/lib/R/site-library/zoo/DESCRIPTION"), added(1, "/usr/local/lib/R/site-library/abc/DESCRIPTION"), added(1, "/usr/local/lib/R/site-library/abc/R/x")},
			`RUN Rscript -e 'install.packages(c("abc", "zoo"), repos="https://cloud.r-project.org")'` + "\n"},
		{"Julia", []string{"julia"}, []change.Change{added(0, "/opt/julia/environments/v1.9/Project.toml"), added(1, "/opt/julia/packages/x")},
			"COPY files/opt/julia/environments/v1.9/Project.toml /opt/julia/environments/v1.9/Project.toml\nRUN julia -e 'using Pkg; Pkg.instantiate()'\n"},
		{"conda's installer", []string{"bash Miniconda3-latest-Linux-x86_64.sh"}, []change.Change{added(1, "/opt/mini/envs/x/conda-meta/history"), added(1, "/opt/mini/conda-meta/history")},
			"RUN bash Miniconda3-latest-Linux-x86_64.sh -b -p /opt/mini\n"},
		{"conda", []string{"conda activate x", "pip install y", "conda deactivate", "make"}, nil,
			"SHELL [\"/bin/bash\", \"-c\"]\n\nRUN conda activate x \\\n && pip install y \\\n && conda deactivate\nRUN make\n"},
		{"an editor, by time alone", []string{"mc"}, []change.Change{added(1, "/etc/app.conf")}, "COPY files/etc/app.conf /etc/app.conf\n"},
		{"what an editor cannot have written", []string{"vim x"}, []change.Change{added(1, "/opt/bin/x")}, "# Something was done inside vim, which is not written down. Files that are missing here: 1\n"},
		{"logins in an edited file", []string{"vim /etc/key"}, []change.Change{added(1, "/etc/key")}, "# Something was done inside vim, which is not written down. Files that are missing here: 1\n"},
		{"changes between commands", []string{"vim x", "make"}, []change.Change{added(5, "/etc/app.conf")}, "RUN make\n"},
		{"apt", []string{"apt update", "apt install a", "apt install b", "apt update"}, nil, "ARG DEBIAN_FRONTEND=noninteractive\n\nRUN apt-get update \\\n && apt-get install -y a\nRUN apt-get install -y b\nRUN apt-get update\n"},
		{"apt's variable", []string{"export DEBIAN_FRONTEND=noninteractive TZ=Asia/Tokyo", "apt install a"}, nil, "ARG DEBIAN_FRONTEND=noninteractive\n\nENV TZ=\"Asia/Tokyo\"\nRUN apt-get install -y a\n"},
		{"a command that is not to be read", []string{"make 'x"}, nil, "SHELL [\"/bin/bash\", \"-c\"]\n\nRUN <<'END'\nmake 'x\nEND\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, steps(t, "bash", test.texts, test.changes, files)); diff != "" {
				t.Errorf("instructions (-want +got):\n%s", diff)
			}
		})
	}
}

// TestConda: its function for shells comes from a start-up file.
func TestConda(t *testing.T) {
	files := fstest.MapFS{"opt/conda/etc/profile.d/conda.sh": {Data: []byte("x")}}
	s := Session{
		Base:   Base{Pin: Pin{"a/b:1", "sha256:0"}},
		Open:   func(name string) (fs.File, error) { return files.Open(strings.TrimPrefix(name, "/")) },
		Record: Record{Shells: []Shell{{Kind: "bash", Home: "/root", Parent: -1}}},
	}
	for i, text := range []string{"conda activate x", "pip install y"} {
		s.Record.Commands = append(s.Record.Commands, Command{Text: text, Dir: "/", Start: at(i), End: at(i), Ended: true, Function: map[string]string{"conda": "/root/.bashrc"}})
	}
	s.Record.Commands[1].Function = nil
	if got := Build(s).Dockerfile; !strings.Contains(got, "RUN . /opt/conda/etc/profile.d/conda.sh \\\n && conda activate x \\\n && pip install y\n") {
		t.Error(got)
	}
}
