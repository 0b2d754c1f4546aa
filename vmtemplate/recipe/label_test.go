package recipe

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/vmtemplate/inventory"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

func small() Recipe {
	files := map[string][]byte{"/opt/a b$": []byte("text\n"), "/etc/x.sh": []byte("#!/bin/sh\n")}
	return Recipe{
		Dockerfile: "FROM x\n",
		Files:      files,
		Lock: Lock{
			Schema: Schema, JBuild: "1", Created: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC), Name: "cfd", Base: Pin{"r/b:1", "sha256:0"},
			Packages: inventory.Inventory{{Manager: inventory.Pip, Name: "numpy", Version: "1.26", Place: "/x"}},
			Files:    []File{{"/etc/x.sh", sum(files["/etc/x.sh"]), 10, 0o755}, {"/opt/a b$", sum(files["/opt/a b$"]), 5, 0o644}},
			Left:     []Left{{Reason: Failed, Command: "make", Status: 2, Changed: []string{"/a"}}, {Reason: Secret}, {Reason: Interactive, Command: "R", Changed: []string{"/b"}, More: 3}, {Reason: Unrecorded}, {Reason: TooBig, Changed: []string{"/big"}}},
		},
	}
}

func TestLabels(t *testing.T) {
	want := small()
	for range 3000 { // more than fits into a label as it is
		want.Lock.Packages = append(want.Lock.Packages, want.Lock.Packages[0])
	}
	labels, err := want.Labels()
	if err != nil {
		t.Fatal(err)
	}
	if labels[LabelDockerfile] != want.Dockerfile || !strings.HasPrefix(labels[LabelLock], packed) || len(labels[LabelLock]) > 10_000 {
		t.Errorf("labels: %.200v", labels)
	}
	for name, value := range map[string]string{"title": "cfd", "created": "2026-04-01T00:00:00Z", "base.name": "r/b:1", "base.digest": "sha256:0"} {
		if labels["org.opencontainers.image."+name] != value {
			t.Errorf("%s is %q", name, labels["org.opencontainers.image."+name])
		}
	}
	got, ok, err := FromLabels(labels)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("recipe (-want +got):\n%s", diff)
	}
}

func TestBigFilesStayOutOfLabels(t *testing.T) {
	r := small()
	big := make([]byte, 200<<10)
	for i := range big {
		big[i] = byte(i * i >> 3 * (i >> 7))
	}
	r.Files = map[string][]byte{"/big": big}
	r.Lock.Files = []File{{"/big", sum(big), int64(len(big)), 0o644}}
	labels, err := r.Labels()
	if err != nil || labels[LabelFiles] != "" {
		t.Fatalf("%v, %d bytes", err, len(labels[LabelFiles]))
	}
	got, _, err := FromLabels(labels)
	if err != nil || len(got.Missing()) != 1 {
		t.Fatalf("%v, %v", err, got.Missing())
	}
	if got.Supply("/big", []byte("other")) == nil {
		t.Error("other contents are taken")
	}
	if err := got.Supply("/big", big); err != nil || len(got.Missing()) != 0 {
		t.Error(err)
	}
}

func TestBadLabels(t *testing.T) {
	good, err := small().Labels()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(map[string]string){
		"not compressed":  func(l map[string]string) { l[LabelLock] = packed + "x" },
		"no JSON":         func(l map[string]string) { l[LabelLock] = "x" },
		"a newer program": func(l map[string]string) { l[LabelLock] = `{"schema":2}` },
		"other files":     func(l map[string]string) { l[LabelFiles] = `{"/etc/x.sh":"eA=="}` },
		"files not known": func(l map[string]string) { l[LabelFiles] = `{"/etc/passwd":"eA=="}` },
		"too long":        func(l map[string]string) { l[LabelDockerfile] = strings.Repeat("x", mostLabel+1) },
	} {
		labels := map[string]string{}
		for k, v := range good {
			labels[k] = v
		}
		change(labels)
		if _, _, err := FromLabels(labels); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, ok, err := FromLabels(map[string]string{"a": "b"}); ok || err != nil {
		t.Errorf("an image without a recipe: %v, %v", ok, err)
	}
}

func TestDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "w", "recipe")
	want := small()
	for range 2 { // the second time in place of the first
		if err := want.WriteDir(dir); err != nil {
			t.Fatal(err)
		}
	}
	got, err := ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("recipe (-want +got):\n%s", diff)
	}
	if info, err := os.Stat(filepath.Join(dir, "files/etc/x.sh")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", info, err)
	}
	left, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(left) != 1 {
		t.Errorf("left over: %v, %v", left, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "files/etc/x.sh"), []byte("y"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadDir(dir); err == nil {
		t.Error("a file that was changed is taken")
	}
	if _, err := ReadDir(filepath.Join(dir, "nothing")); err == nil {
		t.Error("a directory that is not there is read")
	}
	evil := small()
	evil.Lock.Files[0].Path = "/../../../out"
	evil.Files = map[string][]byte{"/../../../out": []byte("x")}
	if err := evil.WriteDir(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "files/out")); err != nil {
		t.Error("a file got out of the directory")
	}
}

func TestReport(t *testing.T) {
	r := small()
	files := fstest.MapFS{"etc/x.sh": {Data: []byte("other")}}
	open := func(name string) (fs.File, error) { return files.Open(strings.TrimPrefix(name, "/")) }
	now := inventory.Inventory{{Manager: inventory.Pip, Name: "numpy", Version: "2.0", Place: "/x"}, {Manager: inventory.Pip, Name: "six", Version: "1", Place: "/x"}}
	report := r.Compare(now, Pin{"r/b:1", "sha256:1"}, open)
	if report.Same() {
		t.Error("it is said to be the same")
	}
	var all strings.Builder
	for _, lang := range message.Languages {
		p, _ := message.For(lang)
		for _, text := range append(report.Lines(), r.Lock.Lines()...) {
			all.WriteString(p.Text(text) + "\n")
		}
	}
	golden(t, "report.txt", all.String())

	files["etc/x.sh"].Data, files["opt/a b$"] = r.Files["/etc/x.sh"], &fstest.MapFile{Data: r.Files["/opt/a b$"]}
	if report := r.Compare(r.Lock.Packages, r.Lock.Base, open); !report.Same() || report.Base != nil {
		t.Errorf("not the same: %+v", report)
	}
}

func FuzzFromLabels(f *testing.F) {
	labels, err := small().Labels()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(labels[LabelDockerfile], labels[LabelLock], labels[LabelFiles])
	f.Add("x", pack([]byte(strings.Repeat(" ", 2000)+`{"schema":1}`)), "{}")
	f.Fuzz(func(t *testing.T, dockerfile, lock, files string) {
		r, ok, err := FromLabels(map[string]string{LabelDockerfile: dockerfile, LabelLock: lock, LabelFiles: files})
		if err == nil && ok && r.check() != nil {
			t.Error("a recipe that does not fit")
		}
	})
}
