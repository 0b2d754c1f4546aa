package mpi

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/runtime/hostlib"
	"github.com/jrun-hpc/jrun/runtime/hostlib/elftest"
)

// sample is a library with some functions.
func sample(t testing.TB) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "lib.so")
	elftest.Build(t, file, elftest.Library{Soname: "libmpi.so.12", Symbols: []string{"MPI_Init", "PMPI_Init", "other"}, Requires: needsGlibc("2.17"), Defines: []string{"V_1"}})
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestFunctions(t *testing.T) {
	text := sample(t)
	got, err := functions(bytes.NewReader(text), "MPI_", "PMPI_")
	if diff := cmp.Diff(map[string]bool{"MPI_Init": true, "PMPI_Init": true}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	// Tables that claim to be compressed could grow without end.
	sections := binary.LittleEndian.Uint64(text[40:])
	for i := range binary.LittleEndian.Uint16(text[60:]) {
		header := text[sections+uint64(i)*64:]
		if elf.SectionType(binary.LittleEndian.Uint32(header[4:])) == elf.SHT_DYNSYM {
			header[9] |= byte(elf.SHF_COMPRESSED >> 8)
		}
	}
	if _, err := functions(bytes.NewReader(text), "MPI_"); !errors.Is(err, errTables) {
		t.Errorf("a compressed table of symbols: %v", err)
	}
}

func FuzzFunctions(f *testing.F) {
	f.Add(sample(f))
	f.Add([]byte("\177ELF"))
	f.Fuzz(func(t *testing.T, text []byte) {
		names, err := functions(bytes.NewReader(text), "MPI_")
		if err != nil && names != nil {
			t.Error("there are names, and an error")
		}
	})
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		files []string
		want  []int
	}{
		{nil, nil},
		{[]string{"libmpi.so.40", "libmpi.so", "libmpi.so.400.1"}, nil},
		{[]string{"/usr/lib/libmpi.so.40.30.4"}, []int{30, 4}},
		{[]string{"libmpi.so.40.9.9", "libmpi.so.40.30.4", "libmpi.so.40.30"}, []int{30, 4}},
		{[]string{"libmpi.so.40.30.4.dbg", "libmpi.so.40.-1"}, nil},
	} {
		if diff := cmp.Diff(c.want, numberIn(c.files, "libmpi.so.40")); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.files, diff)
		}
	}
}

func TestIdentify(t *testing.T) {
	for _, c := range []struct {
		soname string
		needed []string
		want   Mode
	}{
		{"libmpi.so.40", []string{"libopen-pal.so.80"}, OpenMPI},
		{"libmpi.so.40", []string{"libc.so.6"}, OpenMPI}, // everything in one
		{"libmpi.so.12", []string{"libopen-rte.so.12"}, OpenMPI},
		{"libmpi.so.12", []string{"libfabric.so.1"}, MPICH},
		{"libmpich.so.12", nil, MPICH},
		{"libmpi_abi.so.0", nil, ABI},
		{"libmpi.so.0", nil, ""},
		{"libmpi.so.x", nil, ""},
		{"libmpi_mpifh.so.40", nil, ""},
		{"", nil, ""},
	} {
		got, ok := identify(hostlib.Library{Soname: c.soname, Needed: c.needed})
		if got.mode != c.want || ok != (c.want != "") {
			t.Errorf("%s with %q is of the family %q", c.soname, c.needed, got.mode)
		}
	}
}

func TestImageConfiguration(t *testing.T) {
	v := &imageView{files: fstest.MapFS{
		"etc/ld.so.conf":            {Data: []byte("include /etc/ld.so.conf.d/*.conf\ninclude ld.so.conf\n# no\n/last # yes\nrelative\n")},
		"etc/ld.so.conf.d/mpi.conf": {Data: []byte("/opt/mpi/lib\n")},
	}}
	got := v.configured("etc/ld.so.conf", 0)
	if diff := cmp.Diff([]string{"/opt/mpi/lib", "/last"}, []string{got[0], got[len(got)-1]}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestImageConfigurationThatIncludesItself would otherwise read 8^6 files.
func TestImageConfigurationThatIncludesItself(t *testing.T) {
	text := strings.Repeat("include ld.so.conf\n", 8) + "/opt\n"
	v := &imageView{files: fstest.MapFS{"etc/ld.so.conf": {Data: []byte(text)}}}
	if got := len(v.configured("etc/ld.so.conf", 0)); got == 0 || got > maxConfigs {
		t.Errorf("%d directories were read", got)
	}
}

func FuzzImageConfiguration(f *testing.F) {
	f.Add([]byte("include a\n/b\n# c\ninclude [\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		v := &imageView{files: fstest.MapFS{"etc/ld.so.conf": {Data: text}, "etc/more.conf": {Data: text}}}
		for _, dir := range v.configured("etc/ld.so.conf", 0) {
			if dir[0] != '/' {
				t.Errorf("%q is no absolute path", dir)
			}
		}
	})
}
