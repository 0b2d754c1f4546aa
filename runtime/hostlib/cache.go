package hostlib

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"strings"
)

// cacheEntry is a line of ld.so.cache, as ldconfig -p shows them.
type cacheEntry struct {
	soname, path string
	flags        uint32
	hwcap        uint64 // not 0: only for some processors, and there is another one for all
}

// The format is glibc's sysdeps/generic/dl-cache.h. Until glibc 2.31 an older table
// stood before the one that is read here.
const (
	oldCacheMagic = "ld.so-1.7.0"
	newCacheMagic = "glibc-ld.so.cache1.1"
	oldHeaderSize = 16 // with the padding
	oldEntrySize  = 12
	newHeaderSize = 48
	newEntrySize  = 24
	maxCache      = 64 << 20
)

// parseCache reads ld.so.cache in the byte order of this machine. What is not one
// has no entries: the loader passes over it, too.
func parseCache(text []byte) []cacheEntry {
	order := binary.NativeEndian
	if bytes.HasPrefix(text, []byte(oldCacheMagic)) && len(text) >= oldHeaderSize {
		end := oldHeaderSize + uint64(order.Uint32(text[12:]))*oldEntrySize
		end = (end + 7) &^ 7 // where the new header is aligned
		if end > uint64(len(text)) {
			return nil
		}
		text = text[end:]
	}
	if !bytes.HasPrefix(text, []byte(newCacheMagic)) || len(text) < newHeaderSize {
		return nil
	}
	count := uint64(order.Uint32(text[20:]))
	if count > uint64(len(text)-newHeaderSize)/newEntrySize {
		return nil
	}
	entries := make([]cacheEntry, 0, count)
	for i := range count {
		e := text[newHeaderSize+i*newEntrySize:]
		name, ok1 := cacheString(text, order.Uint32(e[4:]))
		path, ok2 := cacheString(text, order.Uint32(e[8:]))
		if ok1 && ok2 && strings.HasPrefix(path, "/") {
			entries = append(entries, cacheEntry{soname: name, path: path, flags: order.Uint32(e), hwcap: order.Uint64(e[16:])})
		}
	}
	return entries
}

// cacheString is the string at an offset from the header.
func cacheString(text []byte, at uint32) (string, bool) {
	if uint64(at) >= uint64(len(text)) {
		return "", false
	}
	text = text[at:]
	end := bytes.IndexByte(text[:min(len(text), maxName)], 0)
	if end < 0 {
		return "", false
	}
	return string(text[:end]), true
}

// flagsOf are the kinds of library in the cache (glibc's FLAG_*: ELF for libc 6, and
// the architecture in the second byte). Machines that are not listed here are told
// apart by the files themselves.
var flagsOf = map[elf.Machine]map[elf.Class]uint32{
	elf.EM_X86_64:  {elf.ELFCLASS64: 0x0303, elf.ELFCLASS32: 0x0803},
	elf.EM_386:     {elf.ELFCLASS32: 0x0003},
	elf.EM_AARCH64: {elf.ELFCLASS64: 0x0a03},
	elf.EM_PPC64:   {elf.ELFCLASS64: 0x0503},
	elf.EM_RISCV:   {elf.ELFCLASS64: 0x1003},
}

// isFor reports whether an entry can be for a machine.
func (e *cacheEntry) isFor(class elf.Class, machine elf.Machine) bool {
	want, known := flagsOf[machine][class]
	return !known || e.flags == want
}
