package audit

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func nothing() error { return nil }

// fill makes a log with n acts, which are 2n entries, of a fixed time.
func fill(t testing.TB, file string, n int) *Log {
	t.Helper()
	log := Open(file, "jadm")
	log.now = func() time.Time { return time.Date(2026, 4, 1, 9, 0, 0, 5, time.UTC) }
	for i := range n {
		if err := log.Do(Act{Action: "project.create", Subject: fmt.Sprintf("u%03d", i), Details: map[string]string{"quota": "1", "b": "<&>"}}, nothing); err != nil {
			t.Fatal(err)
		}
	}
	return log
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func verified(t testing.TB, file string, expected ...Head) Report {
	t.Helper()
	r, err := VerifyFiles(file, expected...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestTampering: whatever is done to a log is told, with the line.
func TestTampering(t *testing.T) {
	for name, tt := range map[string]struct {
		edit func(lines []string) []string
		line int
		what string
	}{
		"a word":            {func(l []string) []string { l[3] = strings.Replace(l[3], "u001", "u009", 1); return l }, 4, "was changed"},
		"a removed line":    {func(l []string) []string { return append(l[:2], l[3:]...) }, 3, "entry 4 follows entry 2"},
		"a doubled line":    {func(l []string) []string { return append(l[:3], l[2:]...) }, 4, "entry 3 follows entry 3"},
		"the first line":    {func(l []string) []string { return l[1:] }, 1, "those before are missing"},
		"the last line":     {func(l []string) []string { return l[:7] }, 0, "entry 8 with the hash"},
		"all":               {func([]string) []string { return nil }, 0, "the log ends with entry 0"},
		"moved lines":       {func(l []string) []string { l[2], l[3] = l[3], l[2]; return l }, 3, "entry 4 follows entry 2"},
		"a space":           {func(l []string) []string { l[1] = strings.Replace(l[1], `":`, `": `, 1); return l }, 2, "edited"},
		"one more field":    {func(l []string) []string { l[1] = strings.Replace(l[1], `{"`, `{"x":1,"`, 1); return l }, 2, "no entry"},
		"a field twice":     {func(l []string) []string { l[1] = strings.Replace(l[1], `"actor"`, `"actor":"x","actor"`, 1); return l }, 2, "edited"},
		"garbage":           {func(l []string) []string { l[1] = "\x00\x01\n"; return l }, 2, "no entry"},
		"an empty line":     {func(l []string) []string { l[1] += "\n"; return l }, 3, "no entry"},
		"an endless line":   {func(l []string) []string { l[1] = strings.Repeat("x", 3*mostLine) + "\n"; return l }, 2, "longer"},
		"a line replaced":   {func(l []string) []string { l[3] = resealed(l[3], ""); return l }, 5, "does not follow entry 4"},
		"a last one forged": {func(l []string) []string { l[7] = resealed(l[7], ""); return l }, 8, "and had"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "audit.jsonl")
			fill(t, file, 4)
			if r := verified(t, file); !r.OK() || r.Entries != 8 || !r.Noted {
				t.Fatalf("before: %+v", r)
			}
			write(t, file, []byte(strings.Join(tt.edit(strings.SplitAfter(string(read(t, file)), "\n")), "")))
			r := verified(t, file)
			if r.OK() {
				t.Fatal("nothing was found")
			}
			first := r.Problems[0]
			if first.Line != tt.line || !strings.Contains(first.What, tt.what) {
				t.Errorf("the first problem is %+v of %d", first, len(r.Problems))
			}
			if len(r.Problems) > 3 {
				t.Errorf("one change is %d problems: %v", len(r.Problems), r.Problems)
			}
		})
	}
}

// resealed is a forged line whose own hash is right.
func resealed(line, previous string) string {
	e, err := parse([]byte(strings.TrimSuffix(line, "\n")))
	if err != nil {
		panic(err)
	}
	if previous != "" {
		e.Previous = previous
	}
	e.Subject = "another"
	if err := e.seal(); err != nil {
		panic(err)
	}
	b, err := e.line()
	if err != nil {
		panic(err)
	}
	return string(b)
}

// TestCutOff: a log whose end was cut off, with the note of it, is found by a head that
// was kept elsewhere; and nothing is appended where only the log was cut.
func TestCutOff(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	log := fill(t, file, 3)
	kept, err := log.Head()
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(read(t, file), []byte("\n"))
	write(t, file, bytes.Join(lines[:4], nil))
	ran := false
	err = log.Do(Act{Action: "a"}, func() error { ran = true; return nil })
	if err == nil || ran || !strings.Contains(err.Error(), "is missing") {
		t.Errorf("an act on a log without its end: ran %v, %v", ran, err)
	}
	if err := os.Remove(headFile(file)); err != nil {
		t.Fatal(err)
	}
	if r := verified(t, file); !r.OK() || r.Noted {
		t.Errorf("without any note: %+v", r)
	}
	if r := verified(t, file, kept); r.OK() || r.Problems[0].Number != 6 {
		t.Errorf("with a head kept elsewhere: %+v", r)
	}
	parsed, err := ParseHead(kept.String())
	if err != nil || parsed != kept {
		t.Errorf("the head is read as %v, %v", parsed, err)
	}
	for _, bad := range []string{"", "6", "6:", "x:" + kept.Hash, "0:" + kept.Hash, "6:00", kept.String() + "00"} {
		if _, err := ParseHead(bad); err == nil {
			t.Errorf("%q was taken for a head", bad)
		}
	}
}

// TestInterrupted: acts of which nobody knows how they ended are listed.
func TestInterrupted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	log := fill(t, file, 1)
	if err := log.append(Entry{ID: "A", Outcome: Begun, Act: Act{Action: "image.delete", Subject: "x"}}); err != nil {
		t.Fatal(err)
	}
	fill(t, file, 1)
	r := verified(t, file)
	if !r.OK() || len(r.Interrupted) != 1 || r.Interrupted[0].Number != 3 || r.Interrupted[0].Subject != "x" {
		t.Errorf("report is %+v", r)
	}
}

// TestRotation: the chain goes through all files, and a missing one is told.
func TestRotation(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	log := fill(t, file, 2)
	if name, err := log.Rotate(Rotation{Bytes: 1 << 20, Yearly: true}); name != "" || err != nil {
		t.Fatalf("rotated too early: %q, %v", name, err)
	}
	var names []string
	rotate := func(r Rotation) {
		t.Helper()
		name, err := log.Rotate(r)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, filepath.Base(name))
		fill(t, file, 1)
	}
	rotate(Rotation{Bytes: 100})
	log.now = func() time.Time { return time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC) }
	rotate(Rotation{Yearly: true})
	rotate(Rotation{Now: true})
	if diff := cmp.Diff([]string{"audit.0001.jsonl", "audit.0002.jsonl", "audit.0003.jsonl"}, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	r := verified(t, file)
	if !r.OK() || len(r.Files) != 4 || r.Entries != 2*(2+3+3) || len(r.Interrupted) != 0 {
		t.Fatalf("report is %+v", r)
	}
	count := 0
	for e, err := range Entries(file) {
		if count++; err != nil || e.Number != int64(count) {
			t.Fatalf("entry %d is %+v, %v", count, e, err)
		}
	}
	if count != int(r.Entries) {
		t.Errorf("%d entries are read of %d", count, r.Entries)
	}
	// Killed between the renaming and the first entry of the new file.
	if err := os.Rename(file, numbered(file, 4)); err != nil {
		t.Fatal(err)
	}
	fill(t, file, 1)
	if r := verified(t, file); !r.OK() || r.Entries != 18 {
		t.Errorf("after a kill: %+v", r)
	}
	if err := os.Remove(numbered(file, 2)); err != nil {
		t.Fatal(err)
	}
	r = verified(t, file)
	if r.OK() || r.Problems[0].File != numbered(file, 2) || r.Problems[1].File != numbered(file, 3) || r.Problems[1].Line != 1 {
		t.Errorf("a missing file: %+v", r.Problems)
	}
}

func TestVerifyReader(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	fill(t, file, 2)
	r, err := Verify(bytes.NewReader(append(read(t, file), `{"num`...)))
	if err != nil || !r.OK() || r.Entries != 4 || r.Torn != 5 {
		t.Errorf("report is %+v, %v", r, err)
	}
	if r, err := Verify(strings.NewReader("")); err != nil || !r.OK() || r.Head != (Head{}) {
		t.Errorf("of nothing: %+v, %v", r, err)
	}
}

// FuzzVerify: any file is read to its end; and one that verifies holds nothing but what
// can be written again.
func FuzzVerify(f *testing.F) {
	file := filepath.Join(f.TempDir(), "audit.jsonl")
	fill(f, file, 2)
	whole := read(f, file)
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add([]byte("\n\n{}\n"))
	f.Add([]byte(`{"number":1e3}` + "\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		r, err := Verify(bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		if !r.OK() {
			return
		}
		var again bytes.Buffer
		for line := range bytes.Lines(content[:len(content)-r.Torn]) {
			e, err := parse(bytes.TrimSuffix(line, []byte("\n")))
			if err != nil {
				t.Fatalf("a log that verifies has %q: %v", line, err)
			}
			b, err := e.line()
			if err != nil {
				t.Fatal(err)
			}
			again.Write(b)
		}
		if diff := cmp.Diff(again.String(), string(content[:len(content)-r.Torn]), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-written +read):\n%s", diff)
		}
	})
}
