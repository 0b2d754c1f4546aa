package inventory

import (
	"encoding/json"
	"io/fs"
	"path"
	"strings"

	"github.com/BurntSushi/toml"
)

// python reads the metadata of installed distributions: dist-info (PEP 376, 627) and
// egg-info, which is a directory or a file.
func (r *reader) python(dir string, entries []fs.DirEntry) {
	for _, e := range entries {
		name := e.Name()
		var file string
		switch {
		case strings.HasSuffix(name, ".dist-info"):
			file = path.Join(dir, name, "METADATA")
		case strings.HasSuffix(name, ".egg-info") && e.IsDir():
			file = path.Join(dir, name, "PKG-INFO")
		case strings.HasSuffix(name, ".egg-info"):
			file = path.Join(dir, name)
		default:
			continue
		}
		data, ok := r.file(file, mostHead)
		if !ok {
			continue
		}
		// Behind the first empty line is the description.
		first := true
		paragraphs(data, []string{"Name", "Version"}, func(v []string) {
			if first {
				r.add(Pip, v[0], v[1], dir)
			}
			first = false
		})
	}
}

// conda reads the names of conda-meta/NAME-VERSION-BUILD.json: conda itself finds
// packages by them.
func (r *reader) conda(dir string, entries []fs.DirEntry) {
	for _, e := range entries {
		full, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok || !e.Type().IsRegular() {
			continue
		}
		build := strings.LastIndexByte(full, '-')
		if build <= 0 {
			continue
		}
		version := strings.LastIndexByte(full[:build], '-')
		if version <= 0 {
			continue
		}
		r.add(Conda, full[:version], full[version+1:build], path.Dir(dir))
	}
}

// node reads package.json of each package, also of those in a scope (@name).
func (r *reader) node(dir string, entries []fs.DirEntry, scopes bool) {
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if scopes && strings.HasPrefix(e.Name(), "@") {
			r.node(name, r.list(name), false)
			continue
		}
		data, ok := r.file(path.Join(name, "package.json"), mostHead)
		if !ok {
			continue
		}
		var p struct{ Name, Version string }
		if json.Unmarshal(data, &p) == nil {
			place := dir
			if !scopes {
				place = path.Dir(dir)
			}
			r.add(NPM, p.Name, p.Version, place)
		}
	}
}

// rLibrary reads DESCRIPTION of each package of a library of R.
func (r *reader) rLibrary(dir string, entries []fs.DirEntry) {
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		data, ok := r.file(path.Join(dir, e.Name(), "DESCRIPTION"), mostHead)
		if !ok {
			continue
		}
		first := true
		paragraphs(data, []string{"Package", "Version"}, func(v []string) {
			if first {
				r.add(R, v[0], v[1], dir)
			}
			first = false
		})
	}
}

// julia reads the manifest of an environment, in both of its formats (Pkg.jl: "Project
// and Manifest"): in the older, packages are tables of the file itself.
func (r *reader) julia(dir string) {
	data, ok := r.file(path.Join(dir, "Manifest.toml"), 16<<20)
	if !ok {
		return
	}
	var manifest map[string]any
	if toml.Unmarshal(data, &manifest) != nil {
		return
	}
	packages := manifest
	if deps, ok := manifest["deps"].(map[string]any); ok {
		packages = deps
	}
	for name, entries := range packages {
		list, ok := entries.([]map[string]any)
		if !ok {
			continue
		}
		for _, e := range list {
			// Those without a version are parts of Julia itself.
			if version, ok := e["version"].(string); ok {
				r.add(Julia, name, version, dir)
			}
		}
	}
}
