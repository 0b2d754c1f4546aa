package hostprogram

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBring runs the script here, with the host's directories where they are.
func TestBring(t *testing.T) {
	program, err := exec.LookPath("expr")
	if err != nil {
		t.Skip("this machine has no expr(1)")
	}
	if program, err = filepath.EvalSymlinks(program); err != nil {
		t.Fatal(err)
	}
	s, libraries, err := Bring(program)
	if err != nil {
		t.Fatal(err)
	}
	if s.Path != "/run/jrun/bin/"+filepath.Base(program) {
		t.Errorf("the script is %s", s.Path)
	}
	if len(libraries) == 0 {
		t.Skip("expr(1) is static here")
	}
	text := strings.ReplaceAll(s.Text, Root, "")
	if text == s.Text {
		t.Fatalf("nothing is below %s: %s", Root, text)
	}
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(script, "3", "+", "4").CombinedOutput()
	if err != nil || string(out) != "7\n" {
		t.Errorf("%v: %s\n%s", err, out, text)
	}
}

func TestBringOthers(t *testing.T) {
	script := filepath.Join(t.TempDir(), "it's")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	s, libraries, err := Bring(script)
	if err != nil || libraries != nil || !strings.HasSuffix(s.Text, `it'\''s' "$@"`+"\n") {
		t.Errorf("a script: %q, %q, %v", s, libraries, err)
	}
	if _, _, err := Bring("/no/such/program"); err == nil {
		t.Error("a program that is not there was brought")
	}
}

func TestSearchPath(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{"a", "b", "conf"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("a", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	write("main", "include conf/*\ninclude main\n# no\nrelative\n"+dir+"/link\n"+dir+"/missing\n")
	write("conf/1", dir+"/b # yes\n\n"+dir+"/a\n")
	got := searchPath(filepath.Join(dir, "main"))
	if diff := cmp.Diff([]string{dir + "/b", dir + "/a"}, got[:min(2, len(got))]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
