package writer

import (
	"fmt"
	"strings"

	"github.com/jrun-hpc/jrun/squash"
)

// maxPath is the longest name and link target that a layer may hold, in bytes:
// PATH_MAX without its NUL. The kernel also refuses longer symbolic links in a
// squashfs (fs/squashfs/inode.c: one page).
const maxPath = 4095

// splitName cuts a name in a tar into its components. "." and empty ones do not
// count, so the root is an empty list. The error says why a name is refused.
func splitName(name string) ([]string, error) {
	switch {
	case name == "":
		return nil, fmt.Errorf("empty name")
	case name[0] == '/':
		return nil, fmt.Errorf("absolute name")
	case len(name) > maxPath:
		return nil, fmt.Errorf("name of %d bytes, more than %d", len(name), maxPath)
	case strings.IndexByte(name, 0) >= 0:
		return nil, fmt.Errorf("NUL in name")
	}
	components := make([]string, 0, strings.Count(name, "/")+1)
	for c := range strings.SplitSeq(name, "/") {
		switch {
		case c == "" || c == ".":
			continue
		case c == "..":
			return nil, fmt.Errorf("name with a .. component")
		case len(c) > squash.MaxNameLength:
			return nil, fmt.Errorf("name component of %d bytes, more than %d", len(c), squash.MaxNameLength)
		}
		components = append(components, c)
	}
	return components, nil
}

// Whiteouts of the OCI image specification, layer.md.
const (
	whiteoutPrefix = ".wh."
	aufsPrefix     = ".wh..wh."
	opaqueMarker   = ".wh..wh..opq"
	aufsLinks      = ".wh..wh.plnk" // AUFS keeps the targets of hard links here
)

// nameKind is what a name means for the merge.
type nameKind uint8

const (
	plainName    nameKind = iota
	whiteoutName          // hides its last component, without the prefix
	opaqueName            // hides what its directory holds
	aufsLinkName          // only a target for hard links
	ignoredName
)

// classify says what a name means and returns the path it is about: of a
// whiteout what it hides, of an opaque marker the directory.
func classify(path []string) (nameKind, []string, error) {
	for i, c := range path {
		if !strings.HasPrefix(c, whiteoutPrefix) {
			continue
		}
		parent, isLast := path[:i:i], i == len(path)-1
		switch hidden := c[len(whiteoutPrefix):]; {
		case c == opaqueMarker && isLast:
			return opaqueName, parent, nil
		case c == aufsLinks && i == 0 && !isLast:
			return aufsLinkName, path, nil
		case strings.HasPrefix(c, aufsPrefix):
			return ignoredName, nil, nil
		case !isLast:
			return 0, nil, fmt.Errorf("whiteout %q used as a directory", c)
		case hidden == "" || hidden == "." || hidden == "..":
			return 0, nil, fmt.Errorf("whiteout of %q", hidden)
		default:
			return whiteoutName, append(parent, hidden), nil
		}
	}
	return plainName, path, nil
}
