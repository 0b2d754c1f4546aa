package hostprogram

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
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
