package check

import (
	"encoding/binary"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/shellword"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// bytecodeRule: Python compiles what it imports and keeps the result beside it, in
// __pycache__. In an image it cannot, and compiles again in every process of every job.
type bytecodeRule struct {
	libraries map[string]*library // by the path of site-packages or dist-packages
}

// library is one directory of Python packages.
type library struct {
	sources  map[string]uint32 // .py files by their path without suffix; seconds of their mtime
	compiled map[string]string // .pyc files likewise
}

const (
	fewModules   = 100 // compiling fewer takes no time that anybody notices
	mostCompared = 400 // .pyc files that are compared with their source
)

func (r *bytecodeRule) visit(e *entry) {
	if !e.regular() || !strings.HasSuffix(e.name, ".py") && !strings.HasSuffix(e.name, ".pyc") {
		return
	}
	dir := pythonLibrary(e.path)
	if dir == "" {
		return
	}
	if r.libraries == nil {
		r.libraries = map[string]*library{}
	}
	l := r.libraries[dir]
	if l == nil {
		l = &library{sources: map[string]uint32{}, compiled: map[string]string{}}
		r.libraries[dir] = l
	}
	if base, ok := strings.CutSuffix(e.path, ".py"); ok {
		l.sources[base] = uint32(e.mtime.Unix())
		return
	}
	// __pycache__/NAME.cpython-312.pyc (PEP 3147)
	folder, name := path.Split(e.path)
	if parent, ok := strings.CutSuffix(folder, "__pycache__/"); ok && !strings.Contains(name, ".opt-") {
		name, _, _ = strings.Cut(name, ".cpython-")
		l.compiled[parent+name] = e.path
	}
}

// pythonLibrary is the directory of packages that a file is in.
func pythonLibrary(name string) string {
	for _, part := range []string{"/site-packages/", "/dist-packages/"} {
		if i := strings.Index(name, part); i >= 0 {
			return name[:i+len(part)-1]
		}
	}
	return ""
}

func (r *bytecodeRule) judge(x *examination) ([]Finding, error) {
	var missing, stale paths
	for _, dir := range slices.Sorted(maps.Keys(r.libraries)) {
		l := r.libraries[dir]
		if len(l.sources) < fewModules {
			continue
		}
		have := 0
		for base := range l.sources {
			if l.compiled[base] != "" {
				have++
			}
		}
		switch {
		case have < len(l.sources)/2:
			missing.add(dir)
		case l.outdated(x):
			stale.add(dir)
		}
	}
	var all []Finding
	if !missing.empty() {
		all = append(all, finding("bytecode", Advises, message.Of("check.bytecode"), compile(x, missing)...).at(missing))
	}
	if !stale.empty() {
		all = append(all, finding("bytecode", Advises, message.Of("check.bytecode-stale"), compile(x, stale)...).at(stale))
	}
	return all, nil
}

// outdated compares some .pyc files with their sources: a part of them that matters
// being of another time, Python does not use them (PEP 552).
func (l *library) outdated(x *examination) bool {
	bases := slices.Sorted(maps.Keys(l.compiled))
	step := max(1, len(bases)/mostCompared)
	compared, wrong := 0, 0
	for i := 0; i < len(bases); i += step {
		mtime, ok := l.sources[bases[i]]
		if !ok {
			continue
		}
		head, err := readHead(x.Files, l.compiled[bases[i]], 12)
		if err != nil || len(head) < 12 {
			continue
		}
		compared++
		byTime := binary.LittleEndian.Uint32(head[4:]) == 0
		if byTime && binary.LittleEndian.Uint32(head[8:]) != mtime {
			wrong++
		}
	}
	return compared > 0 && wrong*4 > compared
}

// compile is what to type, with the Python that the packages are for.
func compile(x *examination, dirs paths) []message.Text {
	var all []message.Text
	for _, dir := range dirs.shown {
		python := "python3"
		// PREFIX/lib/python3.12/site-packages belongs to PREFIX/bin/python3.
		parent := path.Dir(dir)
		if lib := path.Dir(parent); path.Base(lib) == "lib" {
			if own, ok := x.lookPath(path.Join("/", path.Dir(lib), "bin", "python3")); ok {
				python = "/" + own
			}
		}
		all = append(all, message.Plain(shellword.Quote(python)+" -m compileall -q -f "+shellword.Quote(dir)))
	}
	return all
}
