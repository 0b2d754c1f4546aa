package writer

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/squash"
)

// paxXattr is what the name of a PAX record begins with that holds an extended
// attribute, as GNU tar, star and Docker write it.
const paxXattr = "SCHILY.xattr."

// Limits of Linux, include/uapi/linux/limits.h.
const (
	maxXattrName  = 255      // bytes, with the prefix
	maxXattrValue = 64 << 10 // bytes
)

// xattr is one extended attribute.
type xattr struct {
	prefix uint16 // squash.XattrUser, …
	name   string // without the prefix
	value  string
}

func (x xattr) fullNameLength() int { return len(squash.XattrPrefixes[x.prefix]) + len(x.name) }

// xattrs collects the distinct sets of extended attributes of an image. An
// inode names its set by index.
type xattrs struct {
	xattrSets     [][]xattr // each sorted by prefix and name
	setByContent  map[string]uint32
	skippedXattrs int
}

func newXattrs() xattrs { return xattrs{setByContent: make(map[string]uint32)} }

// addXattrs picks the extended attributes out of a header's PAX records and
// returns the index of their set, or squash.NoXattr.
func (t *xattrs) addXattrs(records map[string]string) (uint32, error) {
	var set []xattr
	for key, value := range records {
		full, ok := strings.CutPrefix(key, paxXattr)
		if !ok {
			continue
		}
		x, ok := parseXattr(full, value)
		if !ok {
			t.skippedXattrs++
			continue
		}
		if len(full) > maxXattrName || len(value) > maxXattrValue {
			return 0, fmt.Errorf("extended attribute with a name of %d and a value of %d bytes", len(full), len(value))
		}
		set = append(set, x)
	}
	if len(set) == 0 {
		return squash.NoXattr, nil
	}
	slices.SortFunc(set, func(a, b xattr) int {
		return cmp.Or(cmp.Compare(a.prefix, b.prefix), cmp.Compare(a.name, b.name))
	})
	return t.intern(set), nil
}

// intern returns the index of a sorted set.
func (t *xattrs) intern(set []xattr) uint32 {
	key := string(xattrKey(set))
	index, ok := t.setByContent[key]
	if !ok {
		index = uint32(len(t.xattrSets))
		t.xattrSets = append(t.xattrSets, set)
		t.setByContent[key] = index
	}
	return index
}

// parseXattr splits a full name. It reports false for what squashfs cannot hold.
func parseXattr(full, value string) (xattr, bool) {
	for prefix, text := range squash.XattrPrefixes {
		if name, ok := strings.CutPrefix(full, text); ok && name != "" && !strings.Contains(name, "\x00") {
			return xattr{prefix: uint16(prefix), name: name, value: value}, true
		}
	}
	return xattr{}, false
}

// xattrKey encodes a set so that equal sets, and no others, have equal keys.
func xattrKey(set []xattr) []byte {
	var key []byte
	for _, x := range set {
		key = binary.LittleEndian.AppendUint16(key, x.prefix)
		key = binary.LittleEndian.AppendUint32(key, uint32(len(x.name)))
		key = append(key, x.name...)
		key = binary.LittleEndian.AppendUint32(key, uint32(len(x.value)))
		key = append(key, x.value...)
	}
	return key
}
