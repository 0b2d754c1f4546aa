package hostlib

import (
	"debug/elf"
	"encoding/binary"
	"slices"
)

// The tables of symbol versions, see "Symbol Versioning" in the Linux Standard Base,
// chapter 10.7. Both are lists of lists, linked by offsets.

type verneed struct {
	Version, Count  uint16
	File, Aux, Next uint32
}

type vernaux struct {
	Hash         uint32
	Flags, Other uint16
	Name, Next   uint32
}

type verdef struct {
	Version, Flags, Index, Count uint16
	Hash, Aux, Next              uint32
}

type verdaux struct{ Name, Next uint32 }

const (
	versionWeak = 2 // the loader does not insist on it
	versionBase = 1 // is the library's name and no version
)

// requires reads what DT_VERNEED points to.
func (o *object) requires(t *table) (map[string][]string, error) {
	offset, limit, err := o.list(t, elf.DT_VERNEED, elf.DT_VERNEEDNUM)
	if err != nil || limit == 0 {
		return nil, err
	}
	all := map[string][]string{}
	for range limit {
		var need verneed
		if err := o.read(&need, offset); err != nil {
			return nil, err
		}
		file, err := o.name(t, uint64(need.File))
		if err != nil {
			return nil, err
		}
		at := offset + uint64(need.Aux)
		for range need.Count {
			var aux vernaux
			if err := o.read(&aux, at); err != nil {
				return nil, err
			}
			version, err := o.name(t, uint64(aux.Name))
			if err != nil {
				return nil, err
			}
			if aux.Flags&versionWeak == 0 && !slices.Contains(all[file], version) {
				all[file] = append(all[file], version)
			}
			if aux.Next == 0 {
				break
			}
			at += uint64(aux.Next)
		}
		if need.Next == 0 {
			break
		}
		offset += uint64(need.Next)
	}
	return all, nil
}

// defines reads what DT_VERDEF points to.
func (o *object) defines(t *table) ([]string, error) {
	offset, limit, err := o.list(t, elf.DT_VERDEF, elf.DT_VERDEFNUM)
	if err != nil {
		return nil, err
	}
	var all []string
	for range limit {
		var def verdef
		if err := o.read(&def, offset); err != nil {
			return nil, err
		}
		var aux verdaux // the first is the name, others are what it inherits
		if err := o.read(&aux, offset+uint64(def.Aux)); err != nil {
			return nil, err
		}
		version, err := o.name(t, uint64(aux.Name))
		if err != nil {
			return nil, err
		}
		if def.Flags&versionBase == 0 {
			all = append(all, version)
		}
		if def.Next == 0 {
			break
		}
		offset += uint64(def.Next)
	}
	return all, nil
}

// list is where a table begins and how many entries it has.
func (o *object) list(t *table, tag, number elf.DynTag) (offset, count uint64, err error) {
	address, ok := t.values[tag]
	if !ok {
		return 0, 0, nil
	}
	if count = t.values[number]; count > maxNames {
		return 0, 0, corrupt("%d symbol versions", count)
	}
	offset, rest, err := o.offset(address)
	if err == nil && rest < uint64(binary.Size(verneed{})) {
		err = corrupt("symbol versions outside of the segment")
	}
	return offset, count, err
}
