package recipe

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBash(t *testing.T) {
	term := start(t, "bash", "alias ll='ls -l'\nHISTCONTROL=ignoreboth\nfromrc() { echo \"$1\"; }\n")
	for _, text := range []string{
		"echo one",
		" echo a blank before",
		"echo one", "echo one", // the same again
		"cd /",
		"false",
		"echo $?",
		"cat <<EOF\ntext of\n\ta here-document's \\n\nEOF",
		"for i in 1 2; do\n  echo \"$i\" # a comment\ndone",
		"echo 'a\nb\\' \"tab\\t\" && (exit 3)",
		"ll /", "fromrc x", "greet() {\n echo hello\n}", "greet",
		"set -u", "set -x", "echo quiet", "set +x; set +u",
		"echo !!:1 and '!'",
		"IFS=,", "set -f", "shopt -s extglob nocasematch failglob", "echo 日本語 \x01",
		"\t", "",
	} {
		term.run(text)
	}
	want := []line{
		{"echo one", "/work", 0}, {" echo a blank before", "/work", 0}, {"echo one", "/work", 0}, {"echo one", "/work", 0},
		{"cd /", "/work", 0}, {"false", "/", 1}, {"echo $?", "/", 0},
	}
	got := lines(term.end())
	if diff := cmp.Diff(want, got[:min(len(got), len(want))]); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
	for _, l := range got {
		t.Logf("%+q %d", l.Text, l.Status)
	}
}

func TestDash(t *testing.T) {
	term := start(t, "dash", "")
	for _, text := range []string{"echo one", "cd /", "false", "cat <<EOF\na b\nEOF", "for i in 1 2; do\necho $i\ndone", "echo 'x\ny\\'", "shift 9", ". /nonexistent", "echo )", "export A=b", "echo $A"} {
		t.Logf("%q", term.run(text))
	}
	for _, l := range lines(term.end()) {
		t.Logf("%+q %d", l.Text, l.Status)
	}
}

var _ = os.Args
var _ = filepath.Join
var _ = strings.Join
