// Package elftest makes shared libraries for tests: real ELF files, of gcc and its
// linker, that need and define whatever symbol versions a test wants. There is
// nothing in them that could run.
package elftest

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Library says what a library is to say of itself.
type Library struct {
	Soname   string
	Needed   []string            // beside those of Requires
	Requires map[string][]string // library -> symbol versions
	Defines  []string            // symbol versions
	Symbols  []string            // further names that it defines, without a version
	Rpath    string              // DT_RPATH
	Runpath  string              // DT_RUNPATH
	Flags    []string            // for gcc, such as -m32
}

// Glibc are the libraries of a C library with the given versions.
func Glibc(versions ...string) []Library {
	var defines []string
	for _, v := range versions {
		defines = append(defines, "GLIBC_"+v)
	}
	return []Library{
		{Soname: "libc.so.6", Defines: defines},
		{Soname: "libm.so.6", Defines: defines},
		{Soname: "libpthread.so.0", Defines: defines[:1]},
		{Soname: "libdl.so.2", Defines: defines[:1]},
		{Soname: "librt.so.1", Defines: defines[:1]},
	}
}

// Build writes the library to a file, whose directory is made. Without gcc the test
// is skipped.
func Build(t testing.TB, file string, l Library) {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("needs gcc to make shared libraries (apt install gcc)")
	}
	dir := t.TempDir()
	args := []string{"-shared", "-nostdlib", "-fPIC", "-o", file, "-Wl,--no-as-needed", "-Wl,--hash-style=gnu"}
	if l.Soname != "" {
		args = append(args, "-Wl,-soname,"+l.Soname)
	}
	// Assembler, which is the same for all machines as long as there is no instruction.
	var source, script strings.Builder
	source.WriteString(".data\n")
	for i, version := range l.Defines {
		name := symbol(l.Soname, i)
		fmt.Fprintf(&source, ".globl %s\n.type %s, %%object\n.size %s, 1\n%s: .byte 0\n", name, name, name, name)
		fmt.Fprintf(&script, "%s { global: %s; };\n", version, name)
	}
	for _, name := range l.Symbols {
		fmt.Fprintf(&source, ".globl %s\n.type %s, %%object\n.size %s, 1\n%s: .byte 0\n", name, name, name, name)
	}
	for i, name := range slices.Sorted(maps.Keys(l.Requires)) {
		stub := filepath.Join(dir, fmt.Sprint(i), name)
		Build(t, stub, Library{Soname: name, Defines: l.Requires[name], Flags: l.Flags})
		args = append(args, stub)
		for j, version := range l.Requires[name] {
			fmt.Fprintf(&source, ".symver need_%d_%d, %s@%s\n.balign 8\n.dc.a need_%d_%d\n", i, j, symbol(name, j), version, i, j)
		}
	}
	for i, name := range l.Needed {
		if _, done := l.Requires[name]; done {
			continue
		}
		stub := filepath.Join(dir, fmt.Sprint("needed", i), name)
		Build(t, stub, Library{Soname: name, Flags: l.Flags})
		args = append(args, stub)
	}
	switch {
	case l.Rpath != "":
		args = append(args, "-Wl,--disable-new-dtags,-rpath,"+l.Rpath)
	case l.Runpath != "":
		args = append(args, "-Wl,--enable-new-dtags,-rpath,"+l.Runpath)
	}
	if script.Len() > 0 {
		args = append(args, "-Wl,--version-script="+write(t, dir, "versions.map", script.String()))
	}
	args = append(args, write(t, dir, "source.s", source.String()))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "gcc", append(args, l.Flags...)...).CombinedOutput(); err != nil {
		t.Fatalf("making %s: %v\n%s", file, err, out)
	}
}

// BuildAll writes libraries into a directory, under their SONAMEs.
func BuildAll(t testing.TB, dir string, all ...Library) {
	t.Helper()
	for _, l := range all {
		Build(t, filepath.Join(dir, l.Soname), l)
	}
}

// symbol is the name of a library's i-th symbol.
func symbol(soname string, i int) string {
	return fmt.Sprintf("s_%s_%d", strings.NewReplacer(".", "_", "-", "_", "+", "_").Replace(soname), i)
}

func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
