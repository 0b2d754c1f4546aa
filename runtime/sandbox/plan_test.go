package sandbox

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChooseMountDir(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c/d"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "a"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	candidates := []string{at("missing"), at("link"), at("a"), at("b"), at("c/d")}
	tests := []struct {
		name    string
		sources []string
		want    string // "": none
	}{
		{"first that exists", nil, at("a")},
		{"a source below it", []string{at("a/x")}, at("b")},
		{"the source itself, through a link", []string{at("link")}, at("b")},
		{"a source above it", []string{at("a"), at("b"), at("c")}, ""},
		{"a similar name is another directory", []string{at("a2")}, at("a")},
		{"the whole host", []string{"/"}, at("a")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var binds []Bind
			for _, s := range test.sources {
				binds = append(binds, Bind{Source: s, Destination: "/x"})
			}
			got, err := chooseMountDir(candidates, binds)
			if got != test.want || (err != nil) != (test.want == "") {
				t.Errorf("chose %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestMountPoints(t *testing.T) {
	p := &plan{Spec: Spec{
		Binds: []Bind{
			{Destination: "/home/u", Dir: true},
			{Destination: "/home/u/data", Dir: true},
			{Destination: "/etc/hosts"},
			{Destination: "/home/user2", Dir: true},
		},
		EmptyDirs: []string{"/empty"},
	}}
	dirs, files := p.mountPoints()
	if diff := cmp.Diff([]string{"/dev", "/proc", "/sys", "/tmp", "/empty", "/home/u", "/home/user2"}, dirs); diff != "" {
		t.Errorf("directories (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/etc/hosts"}, files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestPlanSurvivesTheStages(t *testing.T) {
	want := &plan{Spec: Spec{Binds: []Bind{{Source: "/a", Destination: "/b"}}, Root: true, Note: []byte(`{"k":1}`)}, MountDir: "/m", UID: 7}
	file, err := want.marshal()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for range 2 { // the holder and the builder each read it
		got, err := readPlan(file.Fd())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.Binds, got.Binds); diff != "" || got.MountDir != want.MountDir || got.UID != want.UID || string(got.Note) != `{"k":1}` {
			t.Errorf("plan is %+v", got)
		}
	}
}
