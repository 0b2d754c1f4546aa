package torture

import (
	"bytes"
	"fmt"
)

// Sparse files are written by hand, as archive/tar only reads them.
// Source: the GNU tar manual, "Storing Sparse Files".

const blockSize = 512 // bytes in a tar block

// extent is a range of a sparse file that holds data.
type extent struct {
	offset  int64
	content []byte
}

// oldGNUSparse is the format of tar --format=gnu -S: up to four extents in the
// header, then 21 in each extension block.
func oldGNUSparse(name string, size int64, extents []extent) entry {
	var stored int64
	for _, x := range extents {
		stored += int64(len(x.content))
	}
	h := rawHeader(name, 'S', stored)
	copy(h[257:], "ustar  \x00") // GNU magic
	const headerExtents, blockExtents = 4, 21
	rest := putExtents(h[386:], extents, headerExtents)
	if len(rest) > 0 {
		h[482] = 1 // an extension block follows
	}
	octal(h[483:495], size)
	checksum(h)
	out := bytes.NewBuffer(h)
	for len(rest) > 0 {
		block := make([]byte, blockSize)
		rest = putExtents(block, rest, blockExtents)
		if len(rest) > 0 {
			block[504] = 1
		}
		out.Write(block)
	}
	writeExtents(out, extents)
	return entry{raw: out.Bytes()}
}

// paxSparse is the format of tar --format=pax -S with --sparse-version 0.0,
// 0.1 or 1.0.
func paxSparse(version, name string, size int64, extents []extent) entry {
	var records, data bytes.Buffer
	list := ""
	for i, x := range extents {
		if i > 0 {
			list += ","
		}
		list += fmt.Sprintf("%d,%d", x.offset, len(x.content))
	}
	switch version {
	case "0.0":
		paxRecord(&records, "GNU.sparse.size", fmt.Sprint(size))
		paxRecord(&records, "GNU.sparse.numblocks", fmt.Sprint(len(extents)))
		for _, x := range extents {
			paxRecord(&records, "GNU.sparse.offset", fmt.Sprint(x.offset))
			paxRecord(&records, "GNU.sparse.numbytes", fmt.Sprint(len(x.content)))
		}
	case "0.1":
		paxRecord(&records, "GNU.sparse.size", fmt.Sprint(size))
		paxRecord(&records, "GNU.sparse.numblocks", fmt.Sprint(len(extents)))
		paxRecord(&records, "GNU.sparse.map", list)
		paxRecord(&records, "GNU.sparse.name", name)
	case "1.0":
		paxRecord(&records, "GNU.sparse.major", "1")
		paxRecord(&records, "GNU.sparse.minor", "0")
		paxRecord(&records, "GNU.sparse.realsize", fmt.Sprint(size))
		paxRecord(&records, "GNU.sparse.name", name)
		fmt.Fprintf(&data, "%d\n", len(extents))
		for _, x := range extents {
			fmt.Fprintf(&data, "%d\n%d\n", x.offset, len(x.content))
		}
		pad(&data)
	}
	stored := int64(data.Len())
	for _, x := range extents {
		stored += int64(len(x.content))
	}
	var out bytes.Buffer
	h := rawHeader("PaxHeaders/x", 'x', int64(records.Len()))
	checksum(h)
	out.Write(h)
	out.Write(records.Bytes())
	pad(&out)
	shown := name
	if version != "0.0" {
		shown = "GNUSparseFile.0/x" // what a reader without the extension would make
	}
	h = rawHeader(shown, '0', stored)
	checksum(h)
	out.Write(h)
	out.Write(data.Bytes())
	writeExtents(&out, extents)
	return entry{raw: out.Bytes()}
}

func rawHeader(name string, flag byte, size int64) []byte {
	h := make([]byte, blockSize)
	copy(h[:100], name)
	octal(h[100:108], 0o644)
	octal(h[108:116], 0)
	octal(h[116:124], 0)
	octal(h[124:136], size)
	octal(h[136:148], moment.Unix())
	h[156] = flag
	copy(h[257:], "ustar\x0000")
	return h
}

// octal writes n, or the base-256 form where n has too many digits.
func octal(field []byte, n int64) {
	s := fmt.Sprintf("%0*o", len(field)-1, n)
	if len(s) < len(field) {
		copy(field, s)
		return
	}
	for i := len(field) - 1; i > 0; i-- {
		field[i] = byte(n)
		n >>= 8
	}
	field[0] = 0x80
}

func checksum(h []byte) {
	copy(h[148:156], "        ")
	total := 0
	for _, b := range h {
		total += int(b)
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", total))
}

// putExtents describes up to limit extents and returns the others.
func putExtents(field []byte, extents []extent, limit int) []extent {
	for i := 0; i < limit && len(extents) > 0; i++ {
		octal(field[24*i:24*i+12], extents[0].offset)
		octal(field[24*i+12:24*i+24], int64(len(extents[0].content)))
		extents = extents[1:]
	}
	return extents
}

func writeExtents(out *bytes.Buffer, extents []extent) {
	for _, x := range extents {
		out.Write(x.content)
	}
	pad(out)
}

func pad(out *bytes.Buffer) {
	out.Write(make([]byte, -out.Len()&(blockSize-1)))
}

// paxRecord writes "length key=value\n", where the length counts itself.
func paxRecord(out *bytes.Buffer, key, value string) {
	n := len(key) + len(value) + 3
	for n != len(fmt.Sprintf("%d %s=%s\n", n, key, value)) {
		n = len(fmt.Sprintf("%d %s=%s\n", n, key, value))
	}
	fmt.Fprintf(out, "%d %s=%s\n", n, key, value)
}

// filled returns a sparse file's content in full.
func filled(size int64, extents []extent) []byte {
	b := make([]byte, size)
	for _, x := range extents {
		copy(b[x.offset:], x.content)
	}
	return b
}
