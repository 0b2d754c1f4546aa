package inventory

import (
	"bytes"
	"encoding/binary"
	"strconv"
)

// mostHeader bounds the header of one package, as rpm does (HEADER_DATA_MAX, 256 MB, of
// which the largest packages need 20).
const mostHeader = 64 << 20

// Tags and types of a header (rpm's file format: "Header structure", rpmtag.h).
const (
	tagName    = 1000
	tagVersion = 1001
	tagRelease = 1002
	tagEpoch   = 1003
	tagArch    = 1022

	typeInt32  = 4
	typeString = 6
)

// parseHeader reads name and version ([epoch:]version-release) of a package from its
// header as the database has it: number of entries and size of the data, both 32 bits,
// big endian; entries of tag, type, offset and count; data.
func parseHeader(blob []byte) (name, version string, ok bool) {
	if len(blob) < 8 {
		return "", "", false
	}
	entries, size := binary.BigEndian.Uint32(blob), binary.BigEndian.Uint32(blob[4:])
	const entry = 16
	if uint64(entries) > uint64(len(blob))/entry || uint64(len(blob)) < 8+uint64(entries)*entry+uint64(size) {
		return "", "", false
	}
	index, data := blob[8:8+entries*entry], blob[8+entries*entry:][:size]
	values := map[uint32]string{}
	for ; len(index) > 0; index = index[entry:] {
		tag, kind, offset := binary.BigEndian.Uint32(index), binary.BigEndian.Uint32(index[4:]), binary.BigEndian.Uint32(index[8:])
		if tag < tagName || tag > tagArch || uint64(offset) >= uint64(len(data)) {
			continue
		}
		switch at := data[offset:]; kind {
		case typeString:
			if end := bytes.IndexByte(at, 0); end >= 0 {
				values[tag] = string(at[:end])
			}
		case typeInt32:
			if len(at) >= 4 {
				values[tag] = strconv.FormatUint(uint64(binary.BigEndian.Uint32(at)), 10)
			}
		}
	}
	version = values[tagVersion]
	if release := values[tagRelease]; release != "" {
		version += "-" + release
	}
	if epoch := values[tagEpoch]; epoch != "" && epoch != "0" {
		version = epoch + ":" + version
	}
	return values[tagName], version, values[tagName] != "" && version != ""
}
