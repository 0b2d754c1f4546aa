package writer

import (
	"fmt"
	"path"
	"strings"

	"github.com/jrun-hpc/jrun/squash"
)

// maxPath is the longest name and link target that a layer may hold, in bytes:
// PATH_MAX without its NUL. The kernel also refuses longer symbolic links in a
// squashfs (fs/squashfs/inode.c: one page).
const maxPath = 4095

// rootPath is the clean path of the root.
const rootPath = ""

// cleanPath returns the path below the root that a name in a tar means: its
// components with one slash between them. "." and empty components do not
// count, and "/" alone is the root, as some tools write it. The error says why a name is
// refused.
func cleanPath(name string) (string, error) {
	switch {
	case name == "":
		return "", fmt.Errorf("empty name")
	case strings.Trim(name, "/") == "":
		return rootPath, nil
	case name[0] == '/':
		return "", fmt.Errorf("absolute name")
	case len(name) > maxPath:
		return "", fmt.Errorf("name of %d bytes, more than %d", len(name), maxPath)
	case strings.IndexByte(name, 0) >= 0:
		return "", fmt.Errorf("NUL in name")
	}
	for c := range strings.SplitSeq(name, "/") {
		switch {
		case c == "..":
			return "", fmt.Errorf("name with a .. component")
		case len(c) > squash.MaxNameLength:
			return "", fmt.Errorf("name component of %d bytes, more than %d", len(c), squash.MaxNameLength)
		}
	}
	if name = path.Clean(name); name == "." {
		return rootPath, nil
	}
	return name, nil
}

// splitPath cuts the last component off a clean path.
func splitPath(p string) (parent, last string) {
	if i := strings.LastIndexByte(p, '/'); i >= 0 {
		return p[:i], p[i+1:]
	}
	return rootPath, p
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

// classify says what a clean path means and returns the path it is about: of a
// whiteout what it hides, of an opaque marker the directory.
func classify(p string) (nameKind, string, error) {
	for at := 0; at < len(p); {
		c, _, more := strings.Cut(p[at:], "/")
		start, next := at, at+len(c)+1
		at = next
		if !strings.HasPrefix(c, whiteoutPrefix) {
			continue
		}
		parent := strings.TrimSuffix(p[:start], "/")
		switch hidden := c[len(whiteoutPrefix):]; {
		case c == opaqueMarker && !more:
			return opaqueName, parent, nil
		case c == aufsLinks && start == 0 && more:
			return aufsLinkName, p, nil
		case strings.HasPrefix(c, aufsPrefix):
			return ignoredName, "", nil
		case more:
			return 0, "", fmt.Errorf("whiteout %q used as a directory", c)
		case hidden == "" || hidden == "." || hidden == "..":
			return 0, "", fmt.Errorf("whiteout of %q", hidden)
		default:
			return whiteoutName, path.Join(parent, hidden), nil
		}
	}
	return plainName, p, nil
}
