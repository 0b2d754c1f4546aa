package hostlib

import (
	"debug/elf"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// LibcKind is whose C library it is.
type LibcKind int

// The kinds of C library.
const (
	NoLibc LibcKind = iota // static programs only
	Glibc
	Musl
)

func (k LibcKind) String() string { return [...]string{"none", "glibc", "musl"}[k] }

// Libc is the C library of an image.
type Libc struct {
	Kind    LibcKind
	Version string // of glibc: the newest that it defines, "2.36"
	Path    string // inside
	Class   elf.Class
	Machine elf.Machine

	defines map[string][]string // its parts and their symbol versions
}

func (c Libc) String() string {
	switch c.Kind {
	case Glibc:
		return "glibc " + c.Version
	case Musl:
		return "musl"
	}
	return "no C library"
}

// MisfitError says why a library cannot be used in an image.
type MisfitError struct {
	Library string // its path on the host
	Of      string // whose symbol version is lacking, such as libm.so.6; may be empty
	Wanted  string // the newest symbol version that is lacking, such as GLIBC_2.38; or what else is
	Has     string // what the image has, such as "glibc 2.31"
}

func (e *MisfitError) Error() string {
	return fmt.Sprintf("%s needs %s, and the image has %s", e.Library, e.Wanted, e.Has)
}

// Fits returns nil if a library of the host can be used with this C library, and
// otherwise a [MisfitError].
func (c Libc) Fits(lib Library) error {
	misfit := &MisfitError{Library: lib.Path, Has: c.String()}
	if c.Kind != NoLibc && (lib.Class != c.Class || lib.Machine != c.Machine) {
		misfit.Wanted, misfit.Has = kind(lib.Class, lib.Machine), kind(c.Class, c.Machine)
		return misfit
	}
	of := slices.DeleteFunc(slices.Sorted(maps.Keys(lib.Requires)), func(name string) bool { return !IsLibc(name) })
	needsLibc := len(of) > 0 || slices.ContainsFunc(lib.Needed, IsLibc)
	if c.Kind != Glibc {
		if !needsLibc {
			return nil
		}
		misfit.Wanted = "glibc"
		return misfit
	}
	for _, name := range lib.Needed {
		if _, there := c.defines[name]; IsLibc(name) && !there && !strings.HasPrefix(name, "ld-") {
			misfit.Wanted = name
			return misfit
		}
	}
	for _, name := range of {
		for _, version := range lib.Requires[name] {
			if slices.Contains(c.defines[name], version) {
				continue
			}
			if misfit.Wanted == "" || Newer(strings.TrimPrefix(version, "GLIBC_"), strings.TrimPrefix(misfit.Wanted, "GLIBC_")) {
				misfit.Of, misfit.Wanted = name, version
			}
		}
	}
	if misfit.Wanted != "" {
		return misfit
	}
	return nil
}

func kind(class elf.Class, machine elf.Machine) string {
	bits := "64 bits"
	if class == elf.ELFCLASS32 {
		bits = "32 bits"
	}
	return strings.ToLower(strings.TrimPrefix(machine.String(), "EM_")) + " of " + bits
}

// Newer reports whether a is a later version than b, part by part: 2.10 is newer
// than 2.9. What is no number (PRIVATE) is older than any.
func Newer(a, b string) bool {
	x, y := numbers(a), numbers(b)
	return slices.Compare(x, y) > 0
}

func numbers(version string) []int {
	var out []int
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return out
		}
		out = append(out, n)
	}
	return out
}
