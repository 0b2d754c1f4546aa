package check

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/runtime/hostlib/elftest"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/site"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func examine(t *testing.T, image Image) *Report {
	t.Helper()
	if image.Architecture == "" {
		image.Architecture = "amd64"
	}
	r, err := Examine(t.Context(), image)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// told are the findings in short: "warns home /root/miniconda3".
func told(r *Report) []string {
	all := []string{}
	for _, f := range r.Findings {
		line := fmt.Sprintf("%s %s %s", f.Severity, f.ID, strings.Join(f.Paths, " "))
		if f.More > 0 {
			line += fmt.Sprintf(" +%d", f.More)
		}
		all = append(all, strings.TrimSpace(line))
	}
	return all
}

// many are n files below a directory.
func many(n int, pattern string, what node) map[string]node {
	all := map[string]node{}
	for i := range n {
		all[fmt.Sprintf(pattern, i)] = what
	}
	return all
}

// merge puts nodes together.
func merge(all ...map[string]node) map[string]node {
	sum := map[string]node{}
	for _, nodes := range all {
		for name, n := range nodes {
			sum[name] = n
		}
	}
	return sum
}

// pyc is a compiled file of a source with this mtime.
func pyc(seconds uint32) node {
	return file("\xcb\x0d\x0d\x0a\x00\x00\x00\x00" + string([]byte{byte(seconds), byte(seconds >> 8), byte(seconds >> 16), byte(seconds >> 24)}) + "code")
}

// hidden reports whether there is something that its owner may not read.
func hidden(nodes map[string]node) bool {
	for _, n := range nodes {
		if n.mode&fs.ModeSymlink == 0 && n.mode&0o400 == 0 {
			return true
		}
	}
	return false
}

func TestFindings(t *testing.T) {
	env := func(pairs ...string) ocispec.ImageConfig { return ocispec.ImageConfig{Env: pairs} }
	cuda := site.Config{CUDA: site.CUDA{Version: "12.4"}}
	tests := []struct {
		name   string
		nodes  map[string]node
		config ocispec.ImageConfig
		site   site.Config
		want   []string
	}{
		{name: "nothing to say", nodes: plain()},
		{name: "no shell", nodes: map[string]node{"usr/bin/env": program(), "usr/lib/locale/C.utf8/LC_CTYPE": file("")}, want: []string{"blocks no-shell"}},
		{name: "a shell that is a dangling link", nodes: map[string]node{"bin/sh": link("dash"), "usr/lib/locale/C.utf8/LC_CTYPE": file("")}, want: []string{"blocks no-shell"}},
		{name: "sh only", nodes: map[string]node{"bin/sh": program(), "usr/lib/locale/C.utf8/LC_CTYPE": file("")}, want: []string{"warns no-bash"}},
		{name: "a link to bash, absolute", nodes: with(map[string]node{"bin/sh": link("/bin/bash")})},
		{name: "a file in the place of /proc", nodes: with(map[string]node{"proc": file("")}), want: []string{"blocks places /proc"}},
		{name: "root-only files are readable", nodes: with(map[string]node{"etc/a": mode(0o600), "opt/d": closed(0o700), "opt/d/f": mode(0o640), "etc/shadow": mode(0)})},
		{name: "files that their owner cannot read", nodes: with(map[string]node{"etc/a": mode(0), "etc/b": mode(0o044)}), want: []string{"warns unreadable /etc/a /etc/b"}},
		{
			name: "programs without r", nodes: with(map[string]node{"opt/elf": {0o111, "\x7fELF"}, "opt/script": {0o111, "#!/bin/sh\n"}}),
			want: []string{"warns unreadable /opt/script"},
		},
		{name: "programs without their owner's x", nodes: with(map[string]node{"opt/p": mode(0o655)}), want: []string{"warns not-executable /opt/p"}},
		{name: "a closed directory", nodes: with(map[string]node{"opt/d": closed(0o055), "opt/d/f": file("")}), want: []string{"warns closed-directory /opt/d"}},
		{name: "an essential one", nodes: with(map[string]node{"usr": closed(0o055)}), want: []string{"blocks closed-directory /usr"}},
		{
			name: "setuid programs", nodes: with(map[string]node{"usr/bin/su": mode(fs.ModeSetuid | 0o755), "usr/bin/sudo": mode(fs.ModeSetuid | 0o111), "opt/x": mode(fs.ModeSetgid | 0o755)}),
			want: []string{"warns setuid /opt/x", "advises sudo"},
		},
		{
			name: "software in homes", nodes: with(map[string]node{
				"root/miniconda3/bin/python": program(), "root/.bashrc": file("x"), "root/.cache/pip/x": bytesOf(2 << 20), "root/.julia/packages/a": file("x"),
				"home/alice/.local/bin/tool": program(), "home/alice/notes": file("x"), "root/data.bin": bytesOf(2 << 20), "root/notes": file("x"),
			}),
			config: env("PATH=/root/.julia/bin:/home/alice/.local/bin:/usr/bin"),
			want:   []string{"warns home /root/data.bin", "warns home /home/alice/.local/bin", "warns home /root/miniconda3", "advises home /root/.julia"},
		},
		{
			name: "what the servers' /tmp covers", nodes: with(map[string]node{"tmp/sw/bin/p": program(), "tmp/left": file("x"), "var/tmp/y": program()}),
			want: []string{"warns covered /tmp/sw", "advises covered /tmp/left /var/tmp/y"},
		},
		{
			name: "variables", nodes: with(nil),
			config: env("TMPDIR=/scratch", "OMP_NUM_THREADS=1", "HOME=/root", "FOO=/tmp/foo", "MPLCONFIGDIR=/opt/mpl", "XDG_CACHE_HOME=/tmp/cache", "JULIA_DEPOT_PATH=/opt/julia", "LANG=C.UTF-8", "PBS_JOBID=1"),
			want:   []string{"warns env-job", "warns env-covered", "warns env-read-only", "advises env-person"},
		},
		{name: "a good depot", nodes: plain(), config: env("JULIA_DEPOT_PATH=~/.julia:/opt/julia:")},
		{name: "PATH without the system", nodes: plain(), config: env("PATH=/opt/bin"), want: []string{"warns path"}},
		{name: "preloads", nodes: plain(), config: env("LD_PRELOAD=/opt/lib/x.so"), want: []string{"warns preload"}},
		{name: "stubs", nodes: plain(), config: env("LD_LIBRARY_PATH=/usr/local/cuda/lib64/stubs:/usr/local/cuda/lib64"), want: []string{"warns stubs"}},
		{name: "a locale that is not there", nodes: plain(), config: env("LANG=ja_JP.UTF-8"), want: []string{"warns locale"}},
		{name: "no locale with UTF-8", nodes: map[string]node{"bin/sh": program(), "bin/bash": program()}, want: []string{"advises utf8"}},
		{
			name: "an entry point that prepares", nodes: with(map[string]node{"entry.sh": {0o755, "#!/bin/bash\nsource /opt/conda/bin/activate\nexec \"$@\"\n"}}),
			config: ocispec.ImageConfig{Entrypoint: []string{"/entry.sh"}}, want: []string{"warns entrypoint"},
		},
		{
			name: "another, in PATH", nodes: with(map[string]node{"usr/local/bin/entry": program()}),
			config: ocispec.ImageConfig{Entrypoint: []string{"entry", "-v"}}, want: []string{"advises entrypoint"},
		},
		{name: "one that is missing", nodes: plain(), config: ocispec.ImageConfig{Entrypoint: []string{"/none"}}, want: []string{"warns entrypoint"}},
		{name: "a shell as entry point", nodes: plain(), config: ocispec.ImageConfig{Entrypoint: []string{"/bin/bash"}}},
		{
			name: "user and volumes", nodes: plain(),
			config: ocispec.ImageConfig{User: "jovyan:users", Volumes: map[string]struct{}{"/data": {}}}, want: []string{"warns volumes /data", "advises user"},
		},
		{name: "root as user", nodes: plain(), config: ocispec.ImageConfig{User: "0:0"}},
		{name: "directories for all", nodes: with(map[string]node{"opt/logs": closed(0o777), "var/x": closed(0o777)}), want: []string{"advises writable /opt/logs"}},
		{
			name:  "packages that are not compiled",
			nodes: merge(plain(), many(120, "opt/venv/lib/python3.12/site-packages/m%d.py", file("x"))),
			want:  []string{"advises bytecode /opt/venv/lib/python3.12/site-packages"},
		},
		{
			name: "packages that are",
			nodes: merge(plain(), many(120, "opt/venv/lib/python3.12/site-packages/m%d.py", file("x")),
				many(120, "opt/venv/lib/python3.12/site-packages/__pycache__/m%d.cpython-312.pyc", pyc(uint32(day.Unix())))),
		},
		{
			name: "packages compiled from others",
			nodes: merge(plain(), many(120, "opt/venv/lib/python3.12/site-packages/m%d.py", file("x")),
				many(120, "opt/venv/lib/python3.12/site-packages/__pycache__/m%d.cpython-312.pyc", pyc(5))),
			want: []string{"advises bytecode /opt/venv/lib/python3.12/site-packages"},
		},
		{name: "a newer CUDA", nodes: with(map[string]node{"usr/local/cuda/lib64/libcudart.so.13.0.48": file("x")}), site: cuda, want: []string{"warns cuda /usr/local/cuda/lib64/libcudart.so.13.0.48"}},
		{name: "a newer CUDA of the same major number", nodes: with(map[string]node{"opt/v/nvidia_cuda_runtime_cu12-12.8.57.dist-info": folder()}), site: cuda, want: []string{"advises cuda /opt/v/nvidia_cuda_runtime_cu12-12.8.57.dist-info"}},
		{name: "an older one", nodes: with(map[string]node{"opt/v/torch-2.4.0+cu118.dist-info": folder()}), site: cuda},
		{name: "one that nobody can judge", nodes: with(map[string]node{"opt/v/torch-2.9.0+cu130.dist-info": folder()})},
		{
			name: "a newer one with its own half of the driver", nodes: with(map[string]node{"usr/local/cuda/compat/libcuda.so.580.82.07": file("x")}),
			config: env("CUDA_VERSION=13.0.1"), site: cuda, want: []string{"advises cuda CUDA_VERSION=13.0.1"},
		},
		{
			name: "a driver", nodes: with(map[string]node{
				"usr/lib/x86_64-linux-gnu/libcuda.so.1": link("libcuda.so.550.54"), "usr/lib/x86_64-linux-gnu/libcuda.so.550.54": file("x"), "usr/lib/x86_64-linux-gnu/libnvidia-ml.so.550.54": file("x"),
				"usr/local/cuda/lib64/stubs/libcuda.so.1": file("x"), "usr/lib/libnvidia-container.so.1": file("x"), "usr/lib64/libcuda.so.1": file(""), "opt/libnvidia-ml.so": file("x"),
			}),
			want: []string{"warns driver /usr/lib/x86_64-linux-gnu/libcuda.so.1 /usr/lib/x86_64-linux-gnu/libcuda.so.550.54 /usr/lib/x86_64-linux-gnu/libnvidia-ml.so.550.54"},
		},
		{name: "no certificates", nodes: with(map[string]node{"usr/bin/curl": program()}), want: []string{"advises certificates"}},
		{name: "many paths", nodes: merge(plain(), many(20, "etc/a%02d", mode(0))), want: []string{"warns unreadable /etc/a00 /etc/a01 /etc/a02 /etc/a03 /etc/a04 /etc/a05 /etc/a06 /etc/a07 +12"}},
	}
	for _, test := range tests {
		for kind, tree := range both(t, test.nodes) {
			t.Run(test.name+"/"+kind, func(t *testing.T) {
				if kind == "directory" && os.Geteuid() != 0 && hidden(test.nodes) {
					t.Skip("needs root, as which jbuild looks at workspaces, to see what its owner may not")
				}
				r := examine(t, Image{Files: tree, Config: test.config, Site: test.site})
				want := test.want
				if want == nil {
					want = []string{}
				}
				if diff := cmp.Diff(want, told(r)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if blocked := slices.ContainsFunc(want, func(w string) bool { return strings.HasPrefix(w, "blocks") }); r.Runs() == blocked {
					t.Errorf("it runs: %v", r.Runs())
				}
			})
		}
	}
}

// libraries puts shared libraries into an image.
func libraries(t *testing.T, list ...elftest.Library) map[string]node {
	t.Helper()
	dir := t.TempDir()
	elftest.BuildAll(t, dir, list...)
	nodes := plain()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		nodes["usr/lib/"+e.Name()] = node{0o755, string(text)}
	}
	return nodes
}

func TestLibraries(t *testing.T) {
	ompi := []elftest.Library{{Soname: "libmpi.so.40"}}
	servers := func(openmpi, mpich string) site.Config {
		return site.Config{MPI: site.MPI{OpenMPI: openmpi, MPICH: mpich}}
	}
	tests := []struct {
		name      string
		libraries []elftest.Library
		files     []string // that are there as well
		site      site.Config
		want      []string
	}{
		{"an old C library", elftest.Glibc("2.5", "2.12"), nil, site.Config{}, []string{"warns old-glibc"}},
		{"one that drivers find old", elftest.Glibc("2.5", "2.17"), nil, site.Config{CUDA: site.CUDA{Version: "12.4"}}, []string{"advises old-glibc"}},
		{"a new one", elftest.Glibc("2.5", "2.36"), nil, site.Config{CUDA: site.CUDA{Version: "12.4"}}, []string{}},
		{"the servers' family", ompi, []string{"usr/bin/mpirun", "usr/lib/libmpi.so.40.30.4"}, servers("4.1.4", ""), []string{}},
		{"a newer one", ompi, []string{"usr/bin/mpirun", "usr/lib/libmpi.so.40.40.7"}, servers("4.1.4", ""), []string{"advises mpi-newer /usr/lib/libmpi.so.40"}},
		{"another family", ompi, []string{"usr/bin/mpirun", "usr/lib/libmpi.so.40.30.4"}, servers("", "4.0.2"), []string{"warns mpi-family /usr/lib/libmpi.so.40"}},
		{"servers that have both", ompi, []string{"usr/bin/mpirun", "usr/lib/libmpi.so.40.30.4"}, servers("4.1.4", "4.0.2"), []string{}},
		{"MPICH", []elftest.Library{{Soname: "libmpich.so.12"}}, []string{"usr/bin/mpirun"}, servers("4.1.4", ""), []string{"warns mpi-family /usr/lib/libmpich.so.12"}},
		{"no launcher", ompi, []string{"usr/lib/libmpi.so.40.30.4"}, servers("4.1.4", ""), []string{"advises mpi-launcher"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			nodes := libraries(t, test.libraries...)
			for _, name := range test.files {
				nodes[name] = file("x")
			}
			r := examine(t, Image{Files: asSquash(t, nodes), Site: test.site})
			if diff := cmp.Diff(test.want, told(r)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestMachine: a shell for another processor, and one that lacks its C library.
func TestMachine(t *testing.T) {
	dir := t.TempDir()
	all := elftest.Glibc("2.36")
	elftest.BuildAll(t, dir, append(all, elftest.Library{Soname: "sh", Needed: []string{"libc.so.6"}})...)
	shell, err := os.ReadFile(filepath.Join(dir, "sh"))
	if err != nil {
		t.Fatal(err)
	}
	nodes := with(map[string]node{"bin/bash": {0o755, string(shell)}, "bin/sh": {0o755, string(shell)}})
	for architecture, want := range map[string][]string{"arm64": {"blocks architecture"}, "amd64": {"blocks no-libc"}} {
		r := examine(t, Image{Files: asSquash(t, nodes), Architecture: architecture})
		if diff := cmp.Diff(want, told(r)); diff != "" {
			t.Errorf("on %s (-want +got):\n%s", architecture, diff)
		}
	}
}

// TestUnseen: who is not root is told what could not be looked into.
func TestUnseen(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root sees everything")
	}
	r := examine(t, Image{Files: asDirectory(t, with(map[string]node{"opt/d": closed(0o055), "opt/d/f": file("")}))})
	if diff := cmp.Diff([]string{"warns closed-directory /opt/d", "advises unseen /opt/d"}, told(r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestLeaves: what saving leaves out is neither judged nor weighed, but programs in /tmp
// are lost all the same.
func TestLeaves(t *testing.T) {
	nodes := with(map[string]node{"tmp/sw/bin/p": program(), "tmp/left": bytesOf(1000), "root/.ssh/id": mode(0)})
	leaves := func(path string) bool {
		return strings.HasPrefix(path, "/tmp/") || strings.HasPrefix(path, "/root/.ssh/")
	}
	r := examine(t, Image{Files: asSquash(t, nodes), Leaves: leaves})
	if diff := cmp.Diff([]string{"warns covered /tmp/sw"}, told(r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	bytes := int64(0)
	for _, n := range plain() {
		bytes += int64(len(n.text))
	}
	if r.Size.Bytes != bytes {
		t.Errorf("%d bytes, not %d", r.Size.Bytes, bytes)
	}
}

// TestWords: every finding can be said, and written as JSON, in both languages.
func TestWords(t *testing.T) {
	nodes := merge(with(map[string]node{"etc/a": mode(0), "root/miniconda3/bin/python": program(), "proc": file(""), "usr/share/doc/x": bytesOf(3 << 20)}), many(2, "opt/big%d", bytesOf(100<<10)))
	r := examine(t, Image{Files: asSquash(t, nodes), Config: ocispec.ImageConfig{Env: []string{"TMPDIR=/x"}, User: "me"}})
	for _, language := range message.Languages {
		p, _ := message.For(language)
		text, err := json.Marshal(r.In(p))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`"runs":false`, `"id":"places","severity":"blocks"`, `"kind":"documentation"`, `"path":"/usr/share/doc"`, `"paths":["/opt/big0","/opt/big1"]`} {
			if !strings.Contains(string(text), want) {
				t.Errorf("in %s there is no %s: %s", language, want, text)
			}
		}
		if strings.Contains(string(text), "%!") || strings.Contains(string(text), "check.") {
			t.Errorf("in %s: %s", language, text)
		}
	}
}
