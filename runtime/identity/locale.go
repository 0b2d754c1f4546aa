package identity

import (
	"bytes"
	"encoding/binary"
	"io"
	"io/fs"
	"path"
	"strings"
)

// localeDir is where glibc keeps compiled locales, without the leading slash.
const localeDir = "usr/lib/locale"

// Locale returns wanted if the image has that locale, otherwise one that it
// has: C.UTF-8, en_US.UTF-8, or at last C, which every libc has.
func Locale(image fs.FS, wanted string) string {
	if anyLocale(image) && wanted != "" {
		return wanted
	}
	archive := archiveNames(image)
	for _, name := range []string{wanted, "C.UTF-8", "en_US.UTF-8"} {
		if name == "C" || name == "POSIX" || name != "" && hasLocale(image, archive, name) {
			return name
		}
	}
	return "C"
}

// anyLocale reports whether the image's libc is musl, which accepts all names.
func anyLocale(image fs.FS) bool {
	for _, dir := range []string{"lib", "usr/lib"} {
		entries, err := fs.Glob(image, dir+"/ld-musl-*")
		if err == nil && len(entries) > 0 {
			return true
		}
	}
	return false
}

func hasLocale(image fs.FS, archive []byte, name string) bool {
	for _, spelling := range []string{name, normalizeLocale(name)} {
		if strings.Contains(spelling, "/") {
			return false
		}
		if _, err := fs.Stat(image, path.Join(localeDir, spelling, "LC_CTYPE")); err == nil {
			return true
		}
		if bytes.Contains(archive, []byte("\x00"+spelling+"\x00")) {
			return true
		}
	}
	return false
}

// normalizeLocale spells the codeset as glibc does in file names: lower case,
// letters and digits only (_nl_normalize_codeset).
func normalizeLocale(name string) string {
	base, rest, found := strings.Cut(name, ".")
	if !found {
		return name
	}
	codeset, modifier, hasModifier := strings.Cut(rest, "@")
	codeset = strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, codeset)
	name = base + "." + codeset
	if hasModifier {
		name += "@" + modifier
	}
	return name
}

// The head of glibc's locale-archive (locale/locarchive.h): magic, serial, then
// offset, used and size of the name hash, then of the strings.
const (
	archiveMagic      = 0xde020109
	archiveHeadSize   = 8 * 4
	archiveStringsMax = 4 << 20 // bytes; real ones have some tens of KiB
)

// archiveNames returns the strings of the image's locale archive, each between
// NULs, or nil if it has none.
func archiveNames(image fs.FS) []byte {
	f, err := image.Open(localeDir + "/locale-archive")
	if err != nil {
		return nil
	}
	defer f.Close()
	head := make([]byte, archiveHeadSize)
	if _, err := io.ReadFull(f, head); err != nil || binary.LittleEndian.Uint32(head) != archiveMagic {
		return nil
	}
	offset, used := binary.LittleEndian.Uint32(head[20:]), binary.LittleEndian.Uint32(head[24:])
	if offset < archiveHeadSize || used > archiveStringsMax {
		return nil
	}
	if _, err := io.CopyN(io.Discard, f, int64(offset)-archiveHeadSize); err != nil {
		return nil
	}
	names := make([]byte, used+2)
	if _, err := io.ReadFull(f, names[1:used+1]); err != nil {
		return nil
	}
	return names
}
