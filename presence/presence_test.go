package presence

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestGone(t *testing.T) {
	child := exec.CommandContext(t.Context(), "sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	p, err := look(child.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	other := Owner{Machine: Machine(), PID: child.Process.Pid, Start: p.start}
	recycled, elsewhere := other, other
	recycled.Start--
	elsewhere.Machine = "0123456789ab"
	for name, tt := range map[string]struct {
		owner Owner
		gone  bool
	}{
		"this process":                 {Self(), false},
		"a child":                      {other, false},
		"a pid that was used again":    {recycled, true},
		"on another machine":           {elsewhere, false},
		"a process that cannot be":     {Owner{Machine(), 1 << 30, 1}, true},
		"nothing known of it":          {Owner{}, false},
		"where /proc did not tell":     {Owner{"unknown", child.Process.Pid, 1}, false},
		"whose start was not readable": {Owner{Machine(), 1 << 30, 0}, false},
	} {
		if got := tt.owner.Gone(); got != tt.gone {
			t.Errorf("%s: gone %v, want %v", name, got, tt.gone)
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); !other.Gone(); time.Sleep(time.Millisecond) { // a zombie until Wait
		if time.Now().After(deadline) {
			t.Fatal("a zombie is not gone")
		}
	}
	_ = child.Wait()
	if !other.Gone() {
		t.Error("a process that was waited for is not gone")
	}
}

func TestParse(t *testing.T) {
	if got, err := Parse(Self().String()); err != nil || got != Self() {
		t.Errorf("got %v, %v", got, err)
	}
	for _, s := range []string{"", "a", "a.b.c", "a.1", "a.1.x", "a.1.2.3"} {
		if got, err := Parse(s); err == nil {
			t.Errorf("%q is %v", s, got)
		}
	}
}

func TestBeacon(t *testing.T) {
	path := filepath.Join(t.TempDir(), "beacon")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	first := Sign{Owner: Owner{"0123456789ab", 7, 8}, Host: "node1", Job: "12.pbs"}
	if err := first.Write(f); err != nil {
		t.Fatal(err)
	}
	if got := readSign(t, path); got != first {
		t.Errorf("got %+v, want %+v", got, first)
	}
	long := first
	long.Job = strings.Repeat("x", signSize)
	if err := long.Write(f); err != nil {
		t.Fatal(err)
	}
	if got := readSign(t, path); got.Owner != first.Owner || got.Job != "" {
		t.Errorf("a sign that is too long was read as %+v", got)
	}
	if err := first.Write(f); err != nil {
		t.Fatal(err)
	}
	stop, kept := make(chan struct{}), make(chan struct{})
	go func() { Keep(f, stop); close(kept) }()
	want := first
	want.Owner = Self()
	for deadline := time.Now().Add(10 * time.Second); readSign(t, path) != want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the beacon says %+v, want %+v", readSign(t, path), want)
		}
	}
	close(stop)
	<-kept
	want.Ended = true
	if got := readSign(t, path); got != want {
		t.Errorf("at the end it says %+v, want %+v", got, want)
	}
	if _, err := ReadSign(strings.NewReader("no sign")); err == nil {
		t.Error("text was read as a sign")
	}
}

func readSign(t *testing.T, path string) Sign {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ReadSign(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
