package mpi

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// maxSymbolTable is far more than a library with MPI's 1,500 functions has: Debian's
// MPICH, with all its inner ones, has 2 MB.
const maxSymbolTable = 64 << 20

var errTables = errors.New("its tables of symbols are not as a linker makes them")

// functions are the names that a library defines for others and that begin with one
// of the prefixes. The library may come from a hostile image.
func functions(r io.ReaderAt, prefixes ...string) (map[string]bool, error) {
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, err
	}
	for _, s := range f.Sections {
		table := s.Type == elf.SHT_DYNSYM || s.Type == elf.SHT_STRTAB || s.Type == elf.SHT_GNU_VERSYM || s.Type == elf.SHT_GNU_VERNEED || s.Type == elf.SHT_GNU_VERDEF
		if table && s.Type != elf.SHT_STRTAB && (s.Size > maxSymbolTable || s.FileSize > maxSymbolTable) || table && s.Flags&elf.SHF_COMPRESSED != 0 {
			return nil, errTables
		}
		if s.Type == elf.SHT_DYNSYM && (int(s.Link) >= len(f.Sections) || f.Sections[s.Link].Size > maxSymbolTable) {
			return nil, errTables
		}
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, s := range symbols {
		if s.Section == elf.SHN_UNDEF || s.Value == 0 {
			continue
		}
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s.Name, p) }) {
			names[s.Name] = true
		}
	}
	return names, nil
}

// lackedBy names what theirs has and ours does not, for people: the first three.
func lackedBy(ours, theirs map[string]bool) string {
	var lacked []string
	for _, name := range slices.Sorted(maps.Keys(theirs)) {
		if !ours[name] {
			lacked = append(lacked, name)
		}
	}
	switch {
	case len(lacked) == 0:
		return ""
	case len(lacked) > 3:
		return fmt.Sprintf("%s and %d others", strings.Join(lacked[:3], ", "), len(lacked)-3)
	}
	return strings.Join(lacked, ", ")
}
