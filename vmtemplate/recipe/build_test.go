package recipe

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/vmtemplate/change"
	"github.com/jrun-hpc/jrun/vmtemplate/inventory"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

var update = flag.Bool("update", false, "write golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// programs makes programs that a session can call without doing anything to this
// machine. Editors write what comes after the file's name.
func (term *terminal) programs(names ...string) {
	term.t.Helper()
	bin := filepath.Join(term.dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		term.t.Fatal(err)
	}
	for _, name := range names {
		text := "#!/bin/sh\nexit 0\n"
		if editors[name] {
			text = "#!/bin/sh\nread line\necho \"$line\" >\"$1\"\n"
		}
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755); err != nil {
			term.t.Fatal(err)
		}
	}
}

// session is what jbuild knows after a session in a terminal.
func (term *terminal) session(r Record) Session {
	term.t.Helper()
	s := Session{
		Name: "cfd", Record: r, JBuild: "1.2.3", Created: time.Date(2026, 4, 1, 9, 5, 0, 0, time.UTC),
		Base: Base{
			Pin: Pin{"harbor.example.jp/base/debian:12", "sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1"},
			Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin"},
		},
		Inventory: inventory.Inventory{{Manager: inventory.Dpkg, Name: "hello", Version: "2.10-3", Place: "/var/lib/dpkg"}},
		Open:      func(name string) (fs.File, error) { return os.Open(filepath.Join(term.dir, name)) },
	}
	for _, top := range []string{"work", "home"} {
		err := filepath.WalkDir(filepath.Join(term.dir, top), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			path := strings.TrimPrefix(name, term.dir)
			ctime := info.Sys().(*syscall.Stat_t).Ctim
			s.Changes = append(s.Changes, change.Change{Kind: change.Added, Path: path, Bytes: info.Size(), At: time.Unix(ctime.Unix()), Left: change.Filter(path)})
			return nil
		})
		if err != nil {
			term.t.Fatal(err)
		}
	}
	return s
}

// TestDockerfile: a session in a real bash, and its Dockerfile.
func TestDockerfile(t *testing.T) {
	term := start(t, "bash", "alias ll='ls -l'\nalias mk='mkdir -p'\n")
	term.programs("apt", "apt-get", "pip", "vim", "make", "git", "less")
	mkdir(t, filepath.Join(term.dir, "home", "venv", "bin"))
	if err := os.WriteFile(filepath.Join(term.dir, "home", "venv", "bin", "activate"), []byte("deactivate() { true; }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"ls", "sudo apt update", "apt install gcc \\\n g++", "apt search fftw", "nosuchprogram", "cd ..", "cd work", "history", "cat /etc/hosts | grep local | less",
		"export OMP_NUM_THREADS=4 CFD_HOME=/opt/cfd", `export PATH="/opt/cfd/bin:$PATH"`,
		"mk src && cd src", "git clone https://example.jp/cfd.git", "make -j4 && sudo make install",
		"vim settings.conf\nverbose = yes", // the second line is typed to vim
		"touch partly; false",
		"cat > run.sh <<'EOF'\n#!/bin/bash\necho \"$1\" \\\nEND\nEOF\nchmod +x run.sh",
		"export HF_TOKEN=planted-1", "pip download --token $HF_TOKEN model",
		"V=1.2", "echo \"version $V\" > version.txt", "cp version.txt /tmp/jbuild-test-$$ && rm /tmp/jbuild-test-$$",
	} {
		time.Sleep(50 * time.Millisecond) // as run says; this machine's tick may be late
		term.run(text)
		if strings.Contains(text, "chmod") {
			term.wait(prompt)
		}
	}
	r := term.end()
	got := Build(term.session(r))
	golden(t, "session.Dockerfile", got.Dockerfile)
	japanese, _ := message.For("ja")
	s := term.session(r)
	s.Printer = japanese
	golden(t, "session.ja.Dockerfile", Build(s).Dockerfile)
}

func mkdir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}
