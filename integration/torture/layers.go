package torture

import (
	"maps"
	"path"
	"strings"
	"sync"
)

// scenario is one corner. Layers that do not take part are left out at the end.
type scenario struct {
	name   string
	layers [][]entry
	want   map[string]File // "." is the scenario's own directory
}

var build = sync.OnceValues(func() (layers [][]byte, want map[string]File) {
	all := scenarios()
	var entries [][]entry
	want = map[string]File{".": isDir(len(all)).withMode(0o751).withOwner(7, 8)}
	root := dir(".").mode(0o751).owner(7, 8)
	root.Name = "./"
	for _, s := range all {
		for i, layer := range s.layers {
			if i == len(entries) {
				entries = append(entries, nil)
			}
			if i == 0 && len(entries[0]) == 0 {
				entries[0] = append(entries[0], root)
			}
			for _, e := range layer {
				entries[i] = append(entries[i], s.locate(e))
			}
		}
		for name, f := range s.want {
			want[path.Join(s.name, name)] = f
		}
	}
	for _, e := range entries {
		layers = append(layers, writeTar(e))
	}
	return layers, want
})

// locate puts an entry into the scenario's directory.
func (s scenario) locate(e entry) entry {
	if e.raw != nil || e.asIs {
		return e
	}
	e.Name = s.name + "/" + e.Name
	if e.Typeflag == '1' { // a hard link
		e.Linkname = s.name + "/" + e.Linkname
	}
	if strings.HasSuffix(e.Name, "/./") {
		e.Name = strings.TrimSuffix(e.Name, "./")
	}
	return e
}

// Layers returns the uncompressed tars of the layers, lowest first. The caller
// must not change them.
func Layers() [][]byte {
	layers, _ := build()
	return layers
}

// Expected returns the merged image: path below the root, without a leading
// slash, to what is there. "." is the root.
func Expected() map[string]File {
	_, want := build()
	return maps.Clone(want)
}
