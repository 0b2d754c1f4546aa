package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

// command runs jrun with these words on a store, and returns what it prints.
func command(t *testing.T, root string, words ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := newRootCommand()
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(append([]string{"--store", root}, words...))
	err := flagFault(cmd.ExecuteContext(t.Context()))
	return out.String(), err
}

// oneImage is a store that has one.
func oneImage(t *testing.T) (*session, digest.Digest) {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	t.Setenv("JRUN_CONFIG", "")
	s, _ := testSession(t)
	d := digest.FromString("m")
	keep(t, s, d)
	return s, d
}

func TestGCFlags(t *testing.T) {
	s, _ := oneImage(t)
	for name, tt := range map[string]struct {
		words   []string
		removes int
	}{
		"without":        {nil, 0},
		"room for none":  {[]string{"--max-size", "0"}, 1},
		"room for all":   {[]string{"--max-size", "1G"}, 0},
		"unused at all":  {[]string{"--unused-for", "0"}, 1},
		"unused for now": {[]string{"--unused-for", "1h"}, 0},
	} {
		out, err := command(t, s.store.Root(), append([]string{"gc", "--dry-run", "--json"}, tt.words...)...)
		var report gcReport
		if err != nil || json.Unmarshal([]byte(out), &report) != nil || report.RemovedCount != tt.removes {
			t.Errorf("%s: %v, %s", name, err, out)
		}
	}
	// A variable that is empty must not turn this into a collection.
	_, err := command(t, s.store.Root(), "gc", "--max-size", "1", "--undelete", "")
	requireFault(t, "--undelete ''", err)
	if all, err := s.store.List(); err != nil || len(all) != 1 {
		t.Errorf("an empty --undelete has left %v, %v", all, err)
	}
	_, err = command(t, s.store.Root(), "gc", "--site")
	requireFault(t, "--site where there is none", err)
	help, err := command(t, s.store.Root(), "gc", "--help")
	if err != nil || strings.Contains(help, "default 0") || strings.Contains(help, ") (default") || !strings.Contains(help, "(default 7d)") {
		t.Errorf("%v, the help has wrong defaults:\n%s", err, help)
	}
}

func TestFlagsBeforeTheCommand(t *testing.T) {
	for _, words := range [][]string{{"--pull=", "resolve", "x"}, {"--nonsense", "images"}, {"--bind"}, {"--=x", "images"}} {
		_, err := command(t, t.TempDir(), words...)
		requireFault(t, strings.Join(words, " "), err)
	}
}

func TestAReasonCannotSpoilTheTable(t *testing.T) {
	s, d := oneImage(t)
	if err := s.store.SetPin(store.Pin{Digest: d, Reason: "a\x1b[31m\nb\tc"}); err != nil {
		t.Fatal(err)
	}
	out, err := command(t, s.store.Root(), "store", "status")
	if err != nil || !strings.Contains(out, "pinned: a\uFFFD[31m b c\n") {
		t.Errorf("%v, got\n%s", err, out)
	}
}
