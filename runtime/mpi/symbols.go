package mpi

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Limits: Debian's MPICH, with all its inner functions, has 2 MB of symbols and names
// in 40 sections.
const (
	maxSections    = 4096
	maxSymbolTable = 64 << 20
)

var errTables = errors.New("its tables of symbols are not as a linker makes them")

// functions are the names that a library of 64 bits defines for others and that begin
// with one of the prefixes. It may come from a hostile image, so this is not
// debug/elf's DynamicSymbols, which decompresses sections and follows lists of versions
// as far as they go.
func functions(r io.ReaderAt, prefixes ...string) (map[string]bool, error) {
	symbols, names, order, err := symbolTable(r)
	if err != nil {
		return nil, err
	}
	const size = elf.Sym64Size
	found := map[string]bool{}
	for ; len(symbols) >= size; symbols = symbols[size:] {
		// st_name, st_info, st_other, st_shndx, st_value, st_size
		at, section := order.Uint32(symbols), elf.SectionIndex(order.Uint16(symbols[6:]))
		if section == elf.SHN_UNDEF || uint64(at) >= uint64(len(names)) {
			continue
		}
		for _, prefix := range prefixes {
			if name := names[at:]; bytes.HasPrefix(name, []byte(prefix)) {
				name = name[:min(len(name), 256)] // no function has a longer one
				if end := bytes.IndexByte(name, 0); end >= 0 {
					found[string(name[:end])] = true
				}
			}
		}
	}
	return found, nil
}

// symbolTable reads the section of dynamic symbols and that of their names.
func symbolTable(r io.ReaderAt) (symbols, names []byte, order binary.ByteOrder, err error) {
	var ident [elf.EI_NIDENT]byte
	if _, err := r.ReadAt(ident[:], 0); err != nil {
		return nil, nil, nil, err
	}
	order = binary.LittleEndian
	if elf.Data(ident[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	if string(ident[:4]) != elf.ELFMAG || elf.Class(ident[elf.EI_CLASS]) != elf.ELFCLASS64 {
		return nil, nil, nil, errTables
	}
	var h elf.Header64
	if err := binary.Read(io.NewSectionReader(r, 0, 64), order, &h); err != nil {
		return nil, nil, nil, err
	}
	if h.Shnum > maxSections || h.Shentsize != 64 || h.Shoff > 1<<60 {
		return nil, nil, nil, errTables
	}
	sections := make([]elf.Section64, h.Shnum)
	if err := binary.Read(io.NewSectionReader(r, int64(h.Shoff), int64(h.Shnum)*64), order, sections); err != nil {
		return nil, nil, nil, err
	}
	i := slices.IndexFunc(sections, func(s elf.Section64) bool { return elf.SectionType(s.Type) == elf.SHT_DYNSYM })
	if i < 0 || uint64(sections[i].Link) >= uint64(len(sections)) {
		return nil, nil, nil, errTables
	}
	if symbols, err = section(r, sections[i]); err == nil {
		names, err = section(r, sections[sections[i].Link])
	}
	return symbols, names, order, err
}

// section is the content of a section as it is in the file.
func section(r io.ReaderAt, s elf.Section64) ([]byte, error) {
	if s.Size > maxSymbolTable || s.Off > 1<<60 || s.Flags&uint64(elf.SHF_COMPRESSED) != 0 {
		return nil, errTables
	}
	// As much as there is: a size that is not true costs nothing.
	text, err := io.ReadAll(io.NewSectionReader(r, int64(s.Off), int64(s.Size)))
	if err == nil && uint64(len(text)) < s.Size {
		err = errTables
	}
	return text, err
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
