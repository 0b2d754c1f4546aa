package launch

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/runtime/sandbox"
)

func TestParseBind(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	tests := []struct {
		text string
		want sandbox.Bind // zero: refused
	}{
		{dir, sandbox.Bind{Source: dir, Destination: dir, Dir: true}},
		{dir + ":/data", sandbox.Bind{Source: dir, Destination: "/data", Dir: true}},
		{dir + ":/data/:ro", sandbox.Bind{Source: dir, Destination: "/data", ReadOnly: true, Dir: true}},
		{dir + "::ro", sandbox.Bind{Source: dir, Destination: dir, ReadOnly: true, Dir: true}},
		{dir + ":/data:rw", sandbox.Bind{Source: dir, Destination: "/data", Dir: true}},
		{file + ":/a/../b", sandbox.Bind{Source: file, Destination: "/b"}},
		{"file:/data", sandbox.Bind{Source: file, Destination: "/data"}},
		{"", sandbox.Bind{}},
		{":/data", sandbox.Bind{}},
		{dir + ":data", sandbox.Bind{}},
		{dir + ":/data:r", sandbox.Bind{}},
		{dir + ":/a:ro:x", sandbox.Bind{}},
		{dir + ":/", sandbox.Bind{}},
		{dir + ":/x/..", sandbox.Bind{}},
		{dir + ":/proc", sandbox.Bind{}},
		{filepath.Join(dir, "missing") + ":/data", sandbox.Bind{}},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			got, err := ParseBind(test.text)
			if test.want == (sandbox.Bind{}) {
				requireAdvice(t, err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("bind (-want +got):\n%s", diff)
			}
		})
	}
}

// requireAdvice checks that err has the three parts that a person needs.
func requireAdvice(t *testing.T, err error) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.What == "" || f.Why == nil || f.Next == "" {
		t.Errorf("error %v does not say what, why and what next", err)
	}
}

func TestBindOrder(t *testing.T) {
	home, data := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(home, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	inside := filepath.Join(home, "data")
	o := Options{Binds: []string{data + ":" + inside, data + ":/var/tmp"}}
	list, err := o.binds(home, home)
	if err != nil {
		t.Fatal(err)
	}
	place := map[string]int{}
	for i, b := range list {
		if _, twice := place[b.Destination]; twice {
			t.Errorf("%s is mounted twice", b.Destination)
		}
		place[b.Destination] = i
	}
	if list[place["/var/tmp"]].Source != data {
		t.Errorf("the user's bind to /var/tmp lost against the default")
	}
	if place[inside] < place[home] {
		t.Errorf("%s is mounted before the home that would cover it", inside)
	}
}

func TestBindIntoHostDirectory(t *testing.T) {
	home, data := t.TempDir(), t.TempDir()
	o := Options{Binds: []string{data + ":" + filepath.Join(home, "missing")}}
	_, err := o.binds(home, "/")
	requireAdvice(t, err)
	if _, err := os.Stat(filepath.Join(home, "missing")); err == nil {
		t.Errorf("a mount point was created among the user's files")
	}
}

func TestDefaultBinds(t *testing.T) {
	home, elsewhere := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", "")
	shows := func(o Options, cwd, dir string) bool {
		return covered(o.defaultBinds(home, cwd), dir)
	}
	tests := []struct {
		name     string
		o        Options
		cwd, dir string
		want     bool
	}{
		{"home", Options{}, "/", home, true},
		{"no home", Options{NoHome: true}, "/", home, covered(nil, home) || within(home, "/tmp")},
		{"current directory", Options{}, elsewhere, elsewhere, true},
		{"root directory", Options{}, "/", "/", false},
		{"system directory", Options{}, "/usr/lib", "/usr/lib", false},
		{"etc", Options{}, "/etc", "/etc", false},
		{"tmp", Options{}, "/", "/tmp", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := shows(test.o, test.cwd, test.dir); got != test.want {
				t.Errorf("%s is shown: %v, want %v", test.dir, got, test.want)
			}
		})
	}
}
