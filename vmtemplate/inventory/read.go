package inventory

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Read lists the packages of the file system that is mounted at root.
func Read(root string) (Inventory, error) {
	t, err := openTree(root)
	if err != nil {
		return nil, err
	}
	defer t.close()
	r := reader{tree: t}
	r.dpkg()
	r.rpm()
	r.apk()
	t.walk("/", 0, r.libraries)
	slices.SortFunc(r.found, order)
	return slices.Compact(r.found), nil
}

type reader struct {
	*tree
	found Inventory
}

// add notes a package. Names come from files that anybody may have written: those that
// no manager allows are passed over.
func (r *reader) add(m Manager, name, version, place string) {
	if len(r.found) < mostTaken && usable(name) && usable(version) {
		r.found = append(r.found, Package{m, strings.Clone(name), strings.Clone(version), place})
	}
}

// usable names and versions are short and printable.
func usable(s string) bool {
	return s != "" && len(s) <= 300 && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0xfffd || r >= 0x80 && r < 0xa0 })
}

// libraries looks whether a directory is one that holds packages of a language.
func (r *reader) libraries(dir string, entries []fs.DirEntry) bool {
	parent, base := path.Split(dir)
	parent = path.Clean(parent)
	switch {
	case base == "site-packages" || base == "dist-packages":
		r.python(dir, entries)
		return false
	case base == "conda-meta":
		r.conda(dir, entries)
		return false
	case base == "node_modules":
		// Those of a project are the project's; the global ones are in a lib.
		if path.Base(parent) == "lib" {
			r.node(dir, entries, true)
		}
		return false
	case base == "site-library" || base == "library" && (path.Base(parent) == "R" || path.Base(path.Dir(parent)) == "R") || strings.HasSuffix(parent, "-library") || strings.HasSuffix(dir, "/renv/library"):
		r.rLibrary(dir, entries)
	case path.Base(parent) == "environments" && strings.HasSuffix(parent, "/environments"):
		r.julia(dir)
		return false
	case base == "pkgs" && slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == "urls.txt" || e.Name() == "cache" }):
		return false // conda's cache
	case base == ".git" || base == "__pycache__":
		return false
	}
	return true
}
