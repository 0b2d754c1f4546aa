package launch

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestCommandAndDirectory(t *testing.T) {
	config := ocispec.ImageConfig{Entrypoint: []string{"entry", "-x"}, Cmd: []string{"arg"}, WorkingDir: "/work/"}
	tests := []struct {
		name string
		o    Options
		args []string // nil: refused
		dir  string
	}{
		{"given", Options{Config: config, Args: []string{"a", "b"}}, []string{"a", "b"}, "/cwd"},
		{"the image's own", Options{Config: config}, []string{"entry", "-x", "arg"}, "/work"},
		{"only CMD", Options{Config: ocispec.ImageConfig{Cmd: []string{"c"}}}, []string{"c"}, "/cwd"},
		{"entrypoint", Options{Config: config, Entrypoint: "e", Args: []string{"a"}}, []string{"e", "a"}, "/cwd"},
		{"entrypoint alone drops CMD", Options{Config: config, Entrypoint: "e"}, []string{"e"}, "/cwd"},
		{"workdir", Options{Config: config, Workdir: "/w/../v"}, []string{"entry", "-x", "arg"}, "/v"},
		{"root as WORKDIR is none", Options{Config: ocispec.ImageConfig{Cmd: []string{"c"}, WorkingDir: "/"}}, []string{"c"}, "/cwd"},
		{"nothing", Options{}, nil, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			args, own, err := test.o.command()
			if test.args == nil {
				requireAdvice(t, err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.args, args); diff != "" {
				t.Errorf("command (-want +got):\n%s", diff)
			}
			dir, err := test.o.directory("/home/u", "/cwd", own)
			if err != nil || dir != test.dir {
				t.Errorf("directory is %q, %v; want %q", dir, err, test.dir)
			}
		})
	}
	dir, err := (&Options{NoHome: true}).directory("/home/u", "/home/u/x", false)
	if err != nil || dir != "/home/u" {
		t.Errorf("below a hidden home the directory is %q, %v; want the empty home", dir, err)
	}
	_, err = (&Options{Workdir: "relative"}).directory("/home/u", "/", false)
	requireAdvice(t, err)
}

func TestEnvironmentFlags(t *testing.T) {
	t.Setenv("PASSED", "on")
	file := filepath.Join(t.TempDir(), "env")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# comment\n\nA=1\nB='quoted stays'\n  PASSED\nC=\n")
	o := Options{EnvFiles: []string{file}, Env: []string{"A=2", "PASSED", "NOT_SET_ANYWHERE"}}
	got, err := o.Environment()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"A=1", "B='quoted stays'", "PASSED=on", "C=", "A=2", "PASSED=on"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
	for _, bad := range []Options{{Env: []string{"=x"}}, {Env: []string{"a b=x"}}, {EnvFiles: []string{file + ".missing"}}} {
		_, err := bad.Environment()
		requireAdvice(t, err)
	}
	write("export A=1\n")
	_, err = o.Environment()
	requireAdvice(t, err)
}
