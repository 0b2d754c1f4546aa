package hostlib

import (
	"bytes"
	"debug/elf"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/runtime/hostlib/elftest"
)

func TestRead(t *testing.T) {
	tests := []struct {
		name string
		made elftest.Library
		want Library
	}{
		{"plain", elftest.Library{Soname: "libx.so.1"}, Library{Soname: "libx.so.1"}},
		{"no SONAME", elftest.Library{}, Library{}},
		{
			"versions",
			elftest.Library{
				Soname: "libx.so.1", Needed: []string{"liby.so.2"}, Defines: []string{"X_1", "X_1.1"},
				Requires: map[string][]string{"libc.so.6": {"GLIBC_2.2.5", "GLIBC_2.34"}, "libm.so.6": {"GLIBC_2.29"}}, Runpath: "$ORIGIN:/opt",
			},
			Library{
				Soname: "libx.so.1", Needed: []string{"libc.so.6", "libm.so.6", "liby.so.2"}, Defines: []string{"X_1", "X_1.1"},
				Requires: map[string][]string{"libc.so.6": {"GLIBC_2.2.5", "GLIBC_2.34"}, "libm.so.6": {"GLIBC_2.29"}}, Runpath: []string{"$ORIGIN", "/opt"},
			},
		},
		{"RPATH", elftest.Library{Soname: "libx.so.1", Rpath: "/opt"}, Library{Soname: "libx.so.1", Rpath: []string{"/opt"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "lib.so")
			elftest.Build(t, file, test.made)
			f, err := elf.Open(file) // says which machine gcc makes files for
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			test.want.Path, test.want.Class, test.want.Machine = file, f.Class, f.Machine
			got, err := Open(file)
			if err != nil {
				t.Fatal(err)
			}
			// The order of the tables is the linker's.
			for name := range got.Requires {
				slices.Sort(got.Requires[name])
			}
			slices.Sort(got.Defines)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadOthers(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "script": "GROUP ( /lib/libc.so.6 )", "short": "\x7fEL"} {
		if _, err := Read(bytes.NewReader([]byte(text)), name); !errors.Is(err, ErrNotELF) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Read(bytes.NewReader([]byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")), "header"); !errors.Is(err, errCorrupt) {
		t.Errorf("a header alone: %v", err)
	}
}

// TestReadCut reads every beginning of a library: each ends in an answer.
func TestReadCut(t *testing.T) {
	text := exampleLibrary(t)
	whole, err := Read(bytes.NewReader(text), "x")
	if err != nil {
		t.Fatal(err)
	}
	for n := range text {
		l, err := Read(bytes.NewReader(text[:n]), "x")
		if err == nil && !cmp.Equal(l, whole) {
			t.Fatalf("the first %d bytes are another library: %v", n, l)
		}
	}
}

func exampleLibrary(t testing.TB) []byte {
	file := filepath.Join(t.TempDir(), "lib.so")
	elftest.Build(t, file, elftest.Library{
		Soname: "libx.so.1", Needed: []string{"liby.so.2"}, Defines: []string{"X_1"},
		Requires: map[string][]string{"libc.so.6": {"GLIBC_2.34"}}, Rpath: "/a",
	})
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func FuzzRead(f *testing.F) {
	f.Add(exampleLibrary(f))
	f.Add([]byte("\x7fELF"))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := Read(bytes.NewReader(text), "x")
		if err != nil {
			return
		}
		count := len(l.Needed) + len(l.Defines)
		for _, versions := range l.Requires {
			count += len(versions)
		}
		if count > maxNames {
			t.Errorf("%d names", count)
		}
	})
}
