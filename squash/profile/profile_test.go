package profile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestMerge(t *testing.T) {
	const far = 10 * gap
	tests := []struct {
		name  string
		reads []Range
		want  Profile
	}{
		{"nothing", nil, nil},
		{"empty reads", []Range{{5, 0}}, nil},
		{"in order of offsets", []Range{{2 * far, 1}, {far, 1}, {0, 1}}, Profile{{0, 1}, {far, 1}, {2 * far, 1}}},
		{"overlapping", []Range{{0, 10}, {5, 10}, {2, 3}}, Profile{{0, 15}}},
		{"a small gap is bridged", []Range{{0, 10}, {10 + gap, 10}}, Profile{{0, 20 + gap}}},
		{"a large one is not", []Range{{0, 10}, {11 + gap, 10}}, Profile{{0, 10}, {11 + gap, 10}}},
		{"too much is left out", []Range{{0, 10}, {far, maxBytes}, {far + maxBytes + far, 1}}, Profile{{0, 10}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, merge(test.reads)); diff != "" {
				t.Errorf("profile (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCovers(t *testing.T) {
	p := Profile{{0, 100}, {1000, 100}}
	tests := []struct {
		other Profile
		share float64
		want  bool
	}{
		{nil, 1, true},
		{p, 1, true},
		{Profile{{50, 100}}, 0.5, true},
		{Profile{{50, 100}}, 0.51, false},
		{Profile{{90, 920}}, 20.0 / 920, true},
		{Profile{{90, 920}}, 21.0 / 920, false},
		{Profile{{200, 10}, {1050, 10}}, 0.5, true},
	}
	for _, test := range tests {
		if got := p.Covers(test.other, test.share); got != test.want {
			t.Errorf("covers %v of %v: %v", test.share, test.other, got)
		}
	}
}

func TestSaveAndLoad(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.profile")
	if _, err := Load(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing profile gave %v", err)
	}
	want := Profile{{7, 1}, {1 << 40, maxBytes / 2}}
	for range 2 { // the second replaces the first
		if err := want.Save(name); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("profile (-want +got):\n%s", diff)
	}
	if entries, _ := os.ReadDir(filepath.Dir(name)); len(entries) != 1 {
		t.Errorf("%d files are there instead of one", len(entries))
	}
	if err := want.Save(filepath.Join(name, "impossible")); err == nil {
		t.Error("saving below a file succeeded")
	}
	b := want.marshal()
	for i := range b {
		damaged := bytes.Clone(b)
		damaged[i] ^= 0x10
		if _, err := unmarshal(damaged); !errors.Is(err, ErrInvalid) {
			t.Fatalf("a flipped bit in byte %d gave %v", i, err)
		}
		if _, err := unmarshal(b[:i]); !errors.Is(err, ErrInvalid) {
			t.Fatalf("cut after byte %d: %v", i, err)
		}
	}
}

func TestRecorder(t *testing.T) {
	r := Record(strings.NewReader(strings.Repeat("x", 100)))
	var group sync.WaitGroup
	for i := range 10 {
		group.Go(func() {
			if _, err := r.ReadAt(make([]byte, 10), int64(i)*10); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if diff := cmp.Diff(Profile{{0, 100}}, r.Stop()); diff != "" {
		t.Errorf("profile (-want +got):\n%s", diff)
	}
	if _, err := r.ReadAt(make([]byte, 10), 0); err != nil {
		t.Error(err)
	}
	if p := r.Stop(); p != nil {
		t.Errorf("a recorder that was stopped recorded %v", p)
	}
}

func TestSweep(t *testing.T) {
	file, err := os.CreateTemp("/var/tmp", "sweep-") // on a disk, where /tmp may be memory
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	defer os.Remove(file.Name())
	if _, err := file.Write(make([]byte, 5<<20)); err != nil {
		t.Fatal(err)
	}
	if err := file.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
	p := Profile{{1 << 20, 3 << 20}, {100 << 20, 10}} // the second lies behind the end
	if n := p.Sweep(t.Context(), file); n != 3<<20 {
		t.Errorf("%d bytes were read of a cold file, want 3 MiB", n)
	}
	if n := p.Sweep(t.Context(), file); n != 0 {
		t.Errorf("%d bytes were read of a warm file", n)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(Profile{{7, 1}, {1 << 40, 5}}.marshal())
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := unmarshal(b)
		if err != nil {
			return
		}
		for _, r := range p {
			if r.Offset < 0 || r.Length < 0 || r.end() < r.Offset {
				t.Fatalf("range %v", r)
			}
		}
	})
}
