package hostlib

import (
	"debug/elf"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/runtime/hostlib/elftest"
)

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDirectories(t *testing.T) {
	root := t.TempDir()
	for _, d := range []string{"a", "b", "usr/lib", "lib64"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"link": "a", "lib": "usr/lib"} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(root, "etc/ld.so.conf"), "include conf/*\ninclude ld.so.conf\n# no\nrelative\n/link\n/missing\n")
	write(t, filepath.Join(root, "etc/conf/1"), "/b # yes\n\n/a\n")
	if diff := cmp.Diff([]string{"/b", "/a", "/lib64", "/usr/lib"}, Directories(root)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestHostOfThisMachine finds this machine's C library, as its programs do.
func TestHostOfThisMachine(t *testing.T) {
	text, err := os.ReadFile(cacheFile)
	if err != nil {
		t.Skip("this machine has no ld.so.cache")
	}
	entries := parseCache(text)
	i := slices.IndexFunc(entries, func(e cacheEntry) bool { return e.soname == "libc.so.6" })
	if i < 0 {
		t.Fatalf("no libc.so.6 among the %d entries of the cache", len(entries))
	}
	want, err := Open(entries[i].path)
	if err != nil {
		t.Fatal(err)
	}
	h, err := NewHost("/")
	if err != nil {
		t.Fatal(err)
	}
	got, ok := h.Find("libc.so.6", want.Class, want.Machine)
	if !ok || got.Soname != "libc.so.6" || !got.Has("GLIBC_PRIVATE") {
		t.Errorf("%v, %+v", ok, got)
	}
	if _, ok := h.Find("libc.so.6", elf.ELFCLASS64, elf.EM_S390); ok {
		t.Error("a library for another machine was found")
	}
	if names := h.Names("libc.so.", want.Class, want.Machine); !slices.Contains(names, "libc.so.6") {
		t.Errorf("names are %q", names)
	}
}

// machine is what gcc makes libraries for.
func machine() elf.Machine {
	return map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "ppc64le": elf.EM_PPC64, "riscv64": elf.EM_RISCV}[runtime.GOARCH]
}

func TestFindPassesOverOtherKinds(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("needs gcc -m32")
	}
	root := t.TempDir()
	elftest.Build(t, filepath.Join(root, "usr/lib/libx.so.1"), elftest.Library{Soname: "libx.so.1", Flags: []string{"-m32"}})
	elftest.Build(t, filepath.Join(root, "opt/libx.so.1.2"), elftest.Library{Soname: "libx.so.1"})
	if err := os.Symlink("libx.so.1.2", filepath.Join(root, "opt/libx.so.1")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "lib64/libx.so.1"), "INPUT(libx.so.2)")
	write(t, filepath.Join(root, "etc/ld.so.cache"), cacheOf(false,
		cacheEntry{soname: "libx.so.1", path: "/usr/lib/libx.so.1", flags: 0x0003},
		cacheEntry{soname: "libx.so.1", path: "/opt/fast/libx.so.1", flags: 0x0303, hwcap: 1 << 62}, // is gone
		cacheEntry{soname: "libx.so.1", path: "/opt/libx.so.1", flags: 0x0303}))
	h, err := NewHost(root)
	if err != nil {
		t.Fatal(err)
	}
	for class, want := range map[elf.Class]string{elf.ELFCLASS64: "/opt/libx.so.1.2", elf.ELFCLASS32: "/usr/lib/libx.so.1"} {
		m := elf.EM_X86_64
		if class == elf.ELFCLASS32 {
			m = elf.EM_386
		}
		if l, ok := h.Find("libx.so.1", class, m); !ok || l.Path != want {
			t.Errorf("%v: %v, %s", class, ok, l.Path)
		}
	}
	h.LibraryPath = []string{"/nowhere", "/usr/lib"}
	if l, _ := h.Find("libx.so.1", elf.ELFCLASS32, elf.EM_386); l.Path != "/usr/lib/libx.so.1" {
		t.Errorf("by LD_LIBRARY_PATH: %s", l.Path)
	}
}

func TestClosure(t *testing.T) {
	root := t.TempDir()
	build := func(file string, l elftest.Library) { elftest.Build(t, filepath.Join(root, file), l) }
	build("opt/mpi/lib/libmpi.so.40", elftest.Library{
		Soname: "libmpi.so.40", Needed: []string{"libopen.so.1", "libhw.so.1", "libgone.so.1"},
		Requires: map[string][]string{"libc.so.6": {"GLIBC_2.17"}}, Rpath: "$ORIGIN/../private",
	})
	build("opt/mpi/private/libopen.so.1", elftest.Library{Soname: "libopen.so.1", Needed: []string{"libdeep.so.1", "libm.so.6"}})
	build("opt/mpi/private/libdeep.so.1", elftest.Library{Soname: "libdeep.so.1", Needed: []string{"libmpi.so.40"}})
	build("opt/mpi/private/libhw.so.1", elftest.Library{Soname: "libhw.so.1", Needed: []string{"libnew.so.1"}, Runpath: "$ORIGIN/new"})
	build("opt/mpi/private/new/libnew.so.1", elftest.Library{Soname: "libnew.so.1", Needed: []string{"libold.so.1"}})
	build("usr/lib/libold.so.1", elftest.Library{Soname: "libold.so.1"})
	build("usr/lib/libc.so.6", elftest.Library{Soname: "libc.so.6"})
	h, err := NewHost(root)
	if err != nil {
		t.Fatal(err)
	}
	mpi, err := h.Open("/opt/mpi/lib/libmpi.so.40")
	if err != nil {
		t.Fatal(err)
	}
	all, missing, err := h.Closure(mpi)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, l := range all {
		paths = append(paths, l.Path)
	}
	want := []string{
		"/opt/mpi/lib/libmpi.so.40", "/opt/mpi/private/libopen.so.1", "/opt/mpi/private/libhw.so.1", "/opt/mpi/private/libdeep.so.1",
		"/opt/mpi/private/new/libnew.so.1", "/usr/lib/libold.so.1",
	}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("closure (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"libgone.so.1"}, missing); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
}

func TestExpand(t *testing.T) {
	got := expand([]string{"$ORIGIN/../$LIB", "${ORIGIN}", "relative", "/x/${LIB}"}, "/opt/lib/a.so")
	want := []string{"/opt/lib/../lib64", "/opt/lib/../lib", "/opt/lib", "/x/lib64", "/x/lib"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
