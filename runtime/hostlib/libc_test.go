package hostlib

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jrun-hpc/jrun/runtime/hostlib/elftest"
)

func TestImageLibc(t *testing.T) {
	usrmerge := t.TempDir()
	elftest.BuildAll(t, filepath.Join(usrmerge, "usr/lib/x86_64-linux-gnu"), elftest.Glibc("2.2.5", "2.9", "2.31", "2.4")...)
	if err := os.Symlink("usr/lib", filepath.Join(usrmerge, "lib")); err != nil {
		t.Fatal(err)
	}
	musl := t.TempDir()
	elftest.Build(t, filepath.Join(musl, "lib/ld-musl-x86_64.so.1"), elftest.Library{Soname: "libc.musl-x86_64.so.1"})
	broken := t.TempDir()
	write(t, filepath.Join(broken, "lib64/libc.so.6"), "\x7fELF\x02\x01garbage")
	m := machine()
	tests := []struct {
		name, dir string
		want      Libc
		text      string
	}{
		{"usr-merged", usrmerge, Libc{Kind: Glibc, Version: "2.31", Path: "/lib/x86_64-linux-gnu/libc.so.6", Class: 2, Machine: m}, "glibc 2.31"},
		{"musl", musl, Libc{Kind: Musl, Path: "/lib/ld-musl-x86_64.so.1", Class: 2, Machine: m}, "musl"},
		{"static", t.TempDir(), Libc{}, "no C library"},
		{"damaged", broken, Libc{}, "no C library"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := ImageLibc(os.DirFS(test.dir))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmpopts.IgnoreUnexported(Libc{})); diff != "" || got.String() != test.text {
				t.Errorf("%s (-want +got):\n%s", got, diff)
			}
		})
	}
}

func TestFits(t *testing.T) {
	dir := t.TempDir()
	elftest.BuildAll(t, filepath.Join(dir, "lib64"), elftest.Glibc("2.2.5", "2.28", "2.31")...)
	glibc, err := ImageLibc(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	other := Libc{Kind: Musl, Class: glibc.Class, Machine: glibc.Machine}
	requires := func(versions ...string) elftest.Library {
		return elftest.Library{Soname: "libx.so.1", Requires: map[string][]string{"libc.so.6": versions, "libstdc++.so.6": {"GLIBCXX_3.4.99"}}}
	}
	tests := []struct {
		name   string
		libc   Libc
		lib    elftest.Library
		wanted string // empty: it fits
	}{
		{"older", glibc, requires("GLIBC_2.2.5"), ""},
		{"equal", glibc, requires("GLIBC_2.2.5", "GLIBC_2.31"), ""},
		{"newer", glibc, requires("GLIBC_2.2.5", "GLIBC_2.38", "GLIBC_2.34"), "GLIBC_2.38"},
		{"no number", glibc, requires("GLIBC_2.2.5", "GLIBC_ABI_DT_RELR"), "GLIBC_ABI_DT_RELR"},
		{"another part", glibc, elftest.Library{Requires: map[string][]string{"libm.so.6": {"GLIBC_2.29"}}}, "GLIBC_2.29"},
		{"a part that is not there", glibc, elftest.Library{Needed: []string{"libanl.so.1"}}, "libanl.so.1"},
		{"nothing", glibc, elftest.Library{}, ""},
		{"musl", other, requires("GLIBC_2.2.5"), "glibc"},
		{"musl, nothing", other, elftest.Library{}, ""},
		{"static", Libc{}, requires("GLIBC_2.2.5"), "glibc"},
	}
	if runtime.GOARCH == "amd64" {
		tests = append(tests, struct {
			name   string
			libc   Libc
			lib    elftest.Library
			wanted string
		}{"another class", glibc, elftest.Library{Flags: []string{"-m32"}}, "386 of 32 bits"})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "libx.so.1")
			elftest.Build(t, file, test.lib)
			lib, err := Open(file)
			if err != nil {
				t.Fatal(err)
			}
			err = test.libc.Fits(lib)
			var misfit *MisfitError
			if test.wanted == "" && err != nil || test.wanted != "" && (!errors.As(err, &misfit) || misfit.Wanted != test.wanted || misfit.Library != file) {
				t.Errorf("%v, want %q", err, test.wanted)
			}
		})
	}
}

// TestLoaderElsewhere: the loader is in /lib64, a directory of its own, and the rest of the
// C library below /lib, as Debian had it before /usr was merged.
func TestLoaderElsewhere(t *testing.T) {
	dir := t.TempDir()
	elftest.BuildAll(t, filepath.Join(dir, "lib/x86_64-linux-gnu"), elftest.Glibc("2.2.5", "2.31")...)
	const loader = "ld-linux-x86-64.so.2"
	elftest.Build(t, filepath.Join(dir, "lib64", loader), elftest.Library{Soname: loader, Defines: []string{"GLIBC_2.3"}})
	libc, err := ImageLibc(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "libx.so.1")
	elftest.Build(t, file, elftest.Library{Soname: "libx.so.1", Requires: map[string][]string{loader: {"GLIBC_2.3"}}})
	lib, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := libc.Fits(lib); err != nil {
		t.Error(err)
	}
}

func TestSpare(t *testing.T) {
	dir := t.TempDir()
	elftest.BuildAll(t, filepath.Join(dir, "usr/lib64"),
		elftest.Library{Soname: "libstdc++.so.6", Defines: []string{"GLIBCXX_3.4", "GLIBCXX_3.4.20"}}, elftest.Library{Soname: "libgcc_s.so.1", Defines: []string{"GCC_3.0"}})
	image := NewImage(os.DirFS(dir))
	sample := filepath.Join(t.TempDir(), "libx.so.1")
	elftest.Build(t, sample, elftest.Library{})
	x, err := Open(sample)
	if err != nil {
		t.Fatal(err)
	}
	x.Requires = map[string][]string{"libstdc++.so.6": {"GLIBCXX_3.4.30"}, "libgcc_s.so.1": {"GCC_3.0"}}
	named := func(soname string) Library { return Library{Soname: soname, Class: x.Class, Machine: x.Machine} }
	bring, spared := image.Spare([]Library{x, named("libstdc++.so.6"), named("libgcc_s.so.1"), named("libgomp.so.1")})
	names := func(all []Library) (out []string) {
		for _, l := range all {
			out = append(out, l.Name())
		}
		return out
	}
	if diff := cmp.Diff([]string{"libx.so.1", "libstdc++.so.6", "libgomp.so.1"}, names(bring)); diff != "" {
		t.Errorf("brought (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"libgcc_s.so.1"}, names(spared)); diff != "" {
		t.Errorf("spared (-want +got):\n%s", diff)
	}
}

func TestNewer(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{{"2.10", "2.9", true}, {"2.9", "2.10", false}, {"2.2.5", "2.2", true}, {"2.2", "2.2", false}, {"PRIVATE", "2.2", false}, {"2.2", "", true}} {
		if got := Newer(test.a, test.b); got != test.want {
			t.Errorf("Newer(%q, %q) is %v", test.a, test.b, got)
		}
	}
}
