package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// office is a directory with a jadm.toml.
type office struct {
	t   *testing.T
	dir string
}

// newOffice makes one, with more lines for jadm.toml.
func newOffice(t *testing.T, more string) *office {
	t.Helper()
	o := &office{t: t, dir: t.TempDir()}
	o.write("jadm.toml", "state = \"state\"\n[harbor]\nurl = \"https://harbor.example.ac.jp\"\nuser = \"admin\"\npassword_file = \"password\"\n"+more)
	return o
}

func (o *office) path(name string) string { return filepath.Join(o.dir, name) }

func (o *office) write(name, content string) {
	o.t.Helper()
	if err := os.WriteFile(o.path(name), []byte(content), 0o600); err != nil {
		o.t.Fatal(err)
	}
}

// add adds lines to jadm.toml.
func (o *office) add(more string) {
	o.t.Helper()
	before, err := os.ReadFile(o.path("jadm.toml"))
	if err != nil {
		o.t.Fatal(err)
	}
	o.write("jadm.toml", string(before)+more)
}

// run is what a command prints.
func (o *office) run(args ...string) (string, error) {
	var out bytes.Buffer
	root := newRootCommand()
	root.SetOut(&out)
	root.SetArgs(append([]string{"--config", o.path("jadm.toml")}, args...))
	err := root.ExecuteContext(o.t.Context())
	return out.String(), err
}

// says runs a command that goes well, and looks for words in what it prints.
func (o *office) says(words []string, args ...string) string {
	o.t.Helper()
	out, err := o.run(args...)
	if err != nil {
		o.t.Errorf("jadm %s: %v", strings.Join(args, " "), err)
	}
	for _, w := range words {
		if !strings.Contains(out, w) {
			o.t.Errorf("jadm %s does not say %q:\n%s", strings.Join(args, " "), w, out)
		}
	}
	return out
}
