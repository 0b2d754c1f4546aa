package state_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
)

type document struct{ Count int }

func TestDocuments(t *testing.T) {
	d := state.Open(filepath.Join(t.TempDir(), "new"))
	names := []string{"", ".", "../../etc/passwd", ".hidden", "20260001", "u001", "山田", "a/b c%2F", "x\x00y"}
	for i, name := range names {
		if err := d.Save("leaver", name, document{i}); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
	}
	for i, name := range names {
		var got document
		if err := d.Load("leaver", name, &got); err != nil || got.Count != i {
			t.Errorf("%q is %v, %v", name, got, err)
		}
	}
	got, err := d.Names("leaver")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"", ".", "../../etc/passwd", ".hidden", "20260001", "a/b c%2F", "u001", "x\x00y", "山田"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	entries, err := os.ReadDir(d.Path())
	if err != nil || len(entries) != 1 {
		t.Errorf("a name led out of the directory: %v, %v", entries, err)
	}
}

func TestMissingAndDamaged(t *testing.T) {
	d := state.Open(t.TempDir())
	var got document
	if err := d.Load("leaver", "x", &got); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("one that is not there: %v", err)
	}
	if err := d.Remove("leaver", "x"); err != nil {
		t.Errorf("removing one that is not there: %v", err)
	}
	if names, err := d.Names("leaver"); err != nil || len(names) != 0 {
		t.Errorf("names of none: %v, %v", names, err)
	}
	if err := d.Save("leaver", "x", document{1}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.Path(), "leaver", "x.json"), []byte(`{"Count":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Load("leaver", "x", &got); !errors.Is(err, state.ErrDamaged) {
		t.Errorf("a damaged one: %v", err)
	}
	if err := d.Remove("leaver", "x"); err != nil {
		t.Fatal(err)
	}
	if err := d.Load("leaver", "x", &got); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("one that was removed: %v", err)
	}
}

// TestLock: what several do under the lock does not get lost.
func TestLock(t *testing.T) {
	d := state.Open(t.TempDir())
	if err := d.Save("count", "it", document{}); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			unlock, err := d.Lock("count")
			if err != nil {
				t.Error(err)
				return
			}
			defer unlock()
			var doc document
			if err := d.Load("count", "it", &doc); err != nil {
				t.Error(err)
			}
			doc.Count++
			if err := d.Save("count", "it", doc); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	var doc document
	if err := d.Load("count", "it", &doc); err != nil || doc.Count != 20 {
		t.Errorf("%d of 20 counted, %v", doc.Count, err)
	}
}

// TestLockTells: who waits for somebody else is told of it, and who does not is not.
func TestLockTells(t *testing.T) {
	told := make(chan string, 10)
	d := state.Open(t.TempDir()).Telling(func(kind string) { told <- kind })
	unlock, err := d.Lock("leavers")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan func())
	go func() {
		unlock, err := d.Lock("leavers")
		if err != nil {
			t.Error(err)
		}
		got <- unlock
	}()
	select {
	case kind := <-told:
		if kind != "leavers" {
			t.Errorf("it waits for %q", kind)
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits, and does not say so")
	}
	unlock()
	(<-got)()
	if unlock, err = d.Lock("leavers"); err != nil {
		t.Fatal(err)
	}
	unlock()
	if len(told) > 0 {
		t.Errorf("it was told of %q", <-told)
	}
}
