package state

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// names are those of the files in a directory.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := []string{}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// TestTidy: what a killed process has left goes; what somebody is writing, what was only
// just begun and what is no draft stays.
func TestTidy(t *testing.T) {
	dir := t.TempDir()
	ago := time.Now().Add(-2 * draftAge)
	for _, name := range []string{".new-1", ".new-2", ".new-young", "letter.json", ".lock"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(dir, name), ago, ago); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(filepath.Join(dir, ".new-young"), time.Time{}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, ".new-directory"), 0o700); err != nil {
		t.Fatal(err)
	}
	writing, err := newDraft(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer writing.Close()
	if err := os.Chtimes(writing.Name(), ago, ago); err != nil {
		t.Fatal(err)
	}
	Tidy(dir)
	want := []string{".lock", ".new-directory", ".new-young", filepath.Base(writing.Name()), "letter.json"}
	if diff := cmp.Diff(set(want), set(names(t, dir))); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	// Its writer ends, in whatever way.
	if err := writing.Close(); err != nil {
		t.Fatal(err)
	}
	Tidy(dir)
	if _, err := os.Lstat(writing.Name()); err == nil {
		t.Error("what nobody is writing any more stays")
	}
}

func set(names []string) map[string]bool {
	all := map[string]bool{}
	for _, name := range names {
		all[name] = true
	}
	return all
}

// TestSaveTidies: the first document that a process saves takes away what others have left.
func TestSaveTidies(t *testing.T) {
	d := Open(t.TempDir())
	if err := os.Mkdir(filepath.Join(d.Path(), "leavers"), 0o700); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(d.Path(), "leavers", ".new-4711")
	if err := os.WriteFile(left, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	ago := time.Now().Add(-2 * draftAge)
	if err := os.Chtimes(left, ago, ago); err != nil {
		t.Fatal(err)
	}
	if err := d.Save("leavers", "u001", 1); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"u001.json"}, names(t, filepath.Join(d.Path(), "leavers"))); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestWriteFileLeavesNothing: neither what was written nor what could not be leaves a draft.
func TestWriteFileLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := WriteFile(filepath.Join(dir, "x"), []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "taken"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(filepath.Join(dir, "taken"), nil, 0o600); err == nil {
		t.Error("a directory was replaced by a file")
	}
	if diff := cmp.Diff([]string{"taken", "x"}, names(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}
