package hostlib

import (
	"path/filepath"
	"slices"
	"strings"
)

// family are the libraries that belong to the C library: these names, with
// anything behind.
var family = []string{
	"libc.so.", "libm.so.", "libdl.so.", "libpthread.so.", "librt.so.", "libresolv.so.", "libutil.so.",
	"libnsl.so.1", "libanl.so.", "libmvec.so.", "libBrokenLocale.so.", "libthread_db.so.", "libnss_", "ld-linux", "ld64.so.", "ld.so.", "ld-musl-",
	"libc.musl-", "linux-vdso.so.", "linux-gate.so.",
}

// compiler are the libraries that come with compilers. Newer ones serve what was
// made for older ones.
var compiler = []string{"libstdc++.so.", "libgcc_s.so.", "libgfortran.so.", "libgomp.so.", "libquadmath.so.", "libatomic.so."}

// IsLibc reports whether a library belongs to the C library, and so always is the
// image's.
func IsLibc(soname string) bool { return hasPrefix(family, soname) }

// IsCompiler reports whether a library is one of the compiler's.
func IsCompiler(soname string) bool { return hasPrefix(compiler, soname) }

func hasPrefix(prefixes []string, name string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// loaded is a library with what it inherits from those that need it.
type loaded struct {
	Library
	rpath []string // of those that need it, see ld.so(8)
}

// Closure returns libs and all that they need, in the order of loading, but for the
// C library's family. Names that nobody has are missing.
func (h *Host) Closure(libs ...Library) (all []Library, missing []string, err error) {
	var queue []loaded
	have := map[string]bool{}
	add := func(l Library, rpath []string) {
		queue = append(queue, loaded{l, rpath})
		have[l.Name()] = true
	}
	for _, l := range libs {
		if !have[l.Name()] {
			add(l, nil)
		}
	}
	for len(queue) > 0 {
		l := queue[0]
		queue = queue[1:]
		all = append(all, l.Library)
		for _, name := range l.Needed {
			if have[name] || IsLibc(name) {
				continue
			}
			have[name] = true
			found, ok := h.needed(l, name)
			if !ok {
				missing = append(missing, name)
				continue
			}
			add(found, slices.Concat(ownPath(l), l.rpath))
		}
	}
	return all, missing, nil
}

// needed finds what l asks for by name.
func (h *Host) needed(l loaded, name string) (Library, bool) {
	if strings.Contains(name, "/") {
		found, err := h.Open(name)
		return found, err == nil
	}
	if len(l.Runpath) == 0 {
		if found, ok := h.in(slices.Concat(ownPath(l), l.rpath), name, l.Class, l.Machine); ok {
			return found, true
		}
	}
	if found, ok := h.in(h.LibraryPath, name, l.Class, l.Machine); ok {
		return found, true
	}
	if found, ok := h.in(expand(l.Runpath, l.Path), name, l.Class, l.Machine); ok {
		return found, true
	}
	return h.installed(name, l.Class, l.Machine)
}

// ownPath is a library's DT_RPATH, which counts only without DT_RUNPATH.
func ownPath(l loaded) []string {
	if len(l.Runpath) > 0 {
		return nil
	}
	return expand(l.Rpath, l.Path)
}

// expand replaces $ORIGIN, the library's directory, and $LIB, which distributions
// choose differently.
func expand(dirs []string, library string) []string {
	var out []string
	for _, dir := range dirs {
		dir = strings.NewReplacer("${ORIGIN}", filepath.Dir(library), "$ORIGIN", filepath.Dir(library), "${LIB}", "$LIB").Replace(dir)
		if !strings.Contains(dir, "$LIB") {
			out = append(out, dir)
			continue
		}
		for _, lib := range []string{"lib64", "lib"} {
			out = append(out, strings.ReplaceAll(dir, "$LIB", lib))
		}
	}
	return slices.DeleteFunc(out, func(dir string) bool { return !filepath.IsAbs(dir) })
}
