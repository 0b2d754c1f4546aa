package main

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/leaving"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
)

// TestStaying: who has left is over, whether people are asked for one by one, all of them,
// or out of a snapshot.
func TestStaying(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "people.csv"), "id,name\nu1,One\nu2,Two\n")
	s := staying{people.OpenCSV(filepath.Join(dir, "people.csv")), state.Open(filepath.Join(dir, "state"))}
	d := leaving.Departure{Person: people.Person{ID: "u2"}, Project: "u2", Stage: leaving.Frozen, FrozenAt: time.Now()}
	if err := s.documents.Save("leavers", "u2", d); err != nil {
		t.Fatal(err)
	}
	snapshot, err := people.Snapshot(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for name, directory := range map[string]people.Directory{"one by one": s, "snapshot": snapshot} {
		over := map[string]bool{}
		for p, err := range directory.People(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			over[p.ID] = p.Disabled
		}
		if over["u1"] || !over["u2"] || len(over) != 2 {
			t.Errorf("%s: over are %v", name, over)
		}
		for _, id := range []string{"u1", "U2"} {
			p, err := directory.Person(t.Context(), id)
			if err != nil || p.Disabled != (id == "U2") {
				t.Errorf("%s: %s is %+v, %v", name, id, p, err)
			}
		}
	}
}

// TestTrail: each act is named once, also when the audit log has several files.
func TestTrail(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	log := audit.Open(file, "test")
	for range 2 {
		act := audit.Act{Action: "leaving.x", Subject: "u1", Details: map[string]string{"departure": "d"}}
		if err := log.Do(act, func() error { return nil }); err != nil {
			t.Fatal(err)
		}
		if _, err := log.Rotate(audit.Rotation{Now: true}); err != nil {
			t.Fatal(err)
		}
	}
	ids, err := trail{file}.Acts(t.Context(), "d")
	if err != nil || len(ids) != 2 || len(slices.Compact(slices.Sorted(slices.Values(ids)))) != 2 {
		t.Errorf("%q, %v", ids, err)
	}
}
