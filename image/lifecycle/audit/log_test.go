package audit

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func entries(t *testing.T, file string) []Entry {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []Entry
	for line := range strings.Lines(string(b)) {
		var e Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, e)
	}
	return all
}

func TestLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log", "audit.jsonl")
	log := Open(file, "jadm (sudo by suzuki)")
	ran := false
	if err := log.Do(Act{Action: "project.create", Subject: "u001"}, func() error { ran = true; return nil }); err != nil || !ran {
		t.Fatal(err)
	}
	broken := errors.New("Harbor is down")
	if err := log.Do(Act{Action: "project.delete", Subject: "u001"}, func() error { return broken }); !errors.Is(err, broken) {
		t.Errorf("error is %v", err)
	}
	all := entries(t, file)
	previous := ""
	for i, e := range all {
		sum, err := e.sum()
		if err != nil || e.Hash != sum || e.Previous != previous || e.Number != int64(i+1) {
			t.Errorf("entry %d does not follow: %+v, %v", i, e, err)
		}
		previous = e.Hash
	}
	if len(all) != 4 || all[0].Outcome != Begun || all[1].Outcome != Done || all[3].Outcome != Failed || all[3].Error != "Harbor is down" || all[0].ID != all[1].ID {
		t.Errorf("entries are %+v", all)
	}
}

// TestTornLine: a line that a power cut has left half is no hindrance.
func TestTornLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	log := Open(file, "jadm")
	nothing := func() error { return nil }
	if err := log.Do(Act{Action: "a", Subject: "x"}, nothing); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"number":3,"ti`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := log.Do(Act{Action: "b", Subject: "x"}, nothing); err != nil {
		t.Fatal(err)
	}
	if all := entries(t, file); len(all) != 4 || all[2].Previous != all[1].Hash || all[2].Number != 3 {
		t.Errorf("entries are %+v", all)
	}
}

// TestNotRecorded: what cannot be written down is not done.
func TestNotRecorded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	if err := os.Mkdir(file, 0o700); err != nil {
		t.Fatal(err)
	}
	ran := false
	if err := Open(file, "jadm").Do(Act{Action: "a"}, func() error { ran = true; return nil }); err == nil || ran {
		t.Errorf("ran: %v, error %v", ran, err)
	}
}
