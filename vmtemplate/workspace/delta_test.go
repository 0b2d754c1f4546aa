package workspace

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// node is a file ("f" and its content), a directory ("d") or a hard link ("l" and the
// file's path).
type node string

// tree is a file system: paths without a leading slash.
type tree map[string]node

func under(name, dir string) bool { return strings.HasPrefix(name, dir+"/") }

func (t tree) remove(name string) {
	maps.DeleteFunc(t, func(n string, _ node) bool { return n == name || under(n, name) })
}

// apply puts a layer over a file system, as the OCI image specification says: whiteouts
// first.
func (t tree) apply(layer []byte) {
	type entry struct {
		h    *tar.Header
		data string
	}
	var all []entry
	for in := tar.NewReader(bytes.NewReader(layer)); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		data, _ := io.ReadAll(in)
		all = append(all, entry{h, string(data)})
	}
	for _, e := range all {
		dir, base := path.Split(entryName(e.h))
		dir = strings.TrimSuffix(dir, "/")
		switch {
		case base == opaque:
			maps.DeleteFunc(t, func(n string, _ node) bool { return under(n, dir) })
		case strings.HasPrefix(base, whiteout):
			t.remove(path.Join(dir, strings.TrimPrefix(base, whiteout)))
		}
	}
	here := map[string]bool{}
	for _, e := range all {
		name := entryName(e.h)
		here[name] = true
		if strings.HasPrefix(path.Base(name), whiteout) {
			continue
		}
		switch e.h.Typeflag {
		case tar.TypeDir:
			if t[name] != "d" {
				t.remove(name)
			}
			t[name] = "d"
		case tar.TypeLink:
			t.remove(name)
			t[name] = "a link to a file of another layer"
			if here[e.h.Linkname] {
				t[name] = t[e.h.Linkname]
			}
		default:
			t.remove(name)
			t[name] = node("f" + e.data)
		}
	}
}

// overlay is a model of the kernel's: what is changed is in upper.
type overlay struct {
	base, upper tree
	white       map[string]bool // deleted from the base
	opaque      map[string]bool // directories that hide the base's
}

func newOverlay(base tree) *overlay {
	return &overlay{base: base, upper: tree{}, white: map[string]bool{}, opaque: map[string]bool{}}
}

func (o *overlay) clone() *overlay {
	return &overlay{base: o.base, upper: maps.Clone(o.upper), white: maps.Clone(o.white), opaque: maps.Clone(o.opaque)}
}

// inBase reports whether the base's name would be seen if nothing of upper were there.
func (o *overlay) inBase(name string) bool {
	if _, there := o.base[name]; !there {
		return false
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if o.white[dir] || o.opaque[dir] || o.upper[dir] != "" && o.upper[dir] != "d" {
			return false
		}
	}
	return true
}

func (o *overlay) get(name string) node {
	if n := o.upper[name]; n != "" {
		return n
	}
	if !o.white[name] && o.inBase(name) {
		return o.base[name]
	}
	return ""
}

// copyUp makes a directory and its parents part of upper.
func (o *overlay) copyUp(dir string) {
	if dir == "." || o.upper[dir] == "d" {
		return
	}
	o.copyUp(path.Dir(dir))
	o.upper[dir] = "d"
}

func (o *overlay) delete(name string) {
	if o.get(name) == "" {
		return
	}
	o.copyUp(path.Dir(name))
	o.upper.remove(name)
	for _, set := range []map[string]bool{o.white, o.opaque} {
		maps.DeleteFunc(set, func(n string, _ bool) bool { return n == name || under(n, name) })
	}
	if o.inBase(name) {
		o.white[name] = true
	}
}

func (o *overlay) put(name string, n node) {
	if parent := path.Dir(name); parent != "." && o.get(parent) != "d" {
		return
	}
	if n == "d" && o.get(name) == "d" {
		return
	}
	if old := o.get(name); old == "d" || n == "d" && old != "" {
		o.delete(name)
	}
	o.copyUp(path.Dir(name))
	hidden := o.white[name]
	delete(o.white, name)
	if n == "d" && hidden && o.base[name] == "d" {
		o.opaque[name] = true
	}
	o.upper[name] = n
}

// layer is upper as a tar, and what is noted of it.
func (o *overlay) layer(t *rapid.T) ([]byte, *contents) {
	var b bytes.Buffer
	out := tar.NewWriter(&b)
	names := slices.Collect(maps.Keys(o.upper))
	for name := range o.white {
		dir, base := path.Split(name)
		names = append(names, dir+whiteout+base)
	}
	for name := range o.opaque {
		names = append(names, name+"/"+opaque)
	}
	slices.Sort(names)
	first := map[node]string{}
	for _, name := range names {
		h, data := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644}, ""
		switch n := o.upper[name]; {
		case n == "d":
			h.Typeflag, h.Mode = tar.TypeDir, 0o755
		case strings.HasPrefix(string(n), "fL") && first[n] != "":
			h.Typeflag, h.Linkname = tar.TypeLink, first[n]
		case n != "":
			first[n], data = name, string(n[1:])
		}
		h.Size = int64(len(data))
		if err := errors.Join(out.WriteHeader(h)); err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(out, data)
	}
	_ = out.Close()
	var spooled bytes.Buffer
	c := newContents()
	f := filter{contents: c}
	if _, err := f.copy(&spooled, &b); err != nil {
		t.Fatal(err)
	}
	return spooled.Bytes(), c
}

// TestFurtherLayer: base, the layer of the last upload, and the difference are the same
// file system as base and one layer with everything.
func TestFurtherLayer(t *testing.T) {
	said := 0
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.Custom(func(t *rapid.T) string {
			parts := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 3).Draw(t, "parts")
			return strings.Join(parts, "/")
		})
		// Files that begin with L and have the same content are hard links of each other.
		content := rapid.SampledFrom([]node{"f1", "f2", "f3", "fL1", "fL2", "d", "d"})
		grow := func(o *overlay, steps int, label string) {
			for i := range rapid.IntRange(0, steps).Draw(t, label) {
				n := name.Draw(t, fmt.Sprint(label, i))
				if rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
					o.delete(n)
				} else {
					o.put(n, content.Draw(t, "content"))
				}
			}
		}
		made := newOverlay(tree{})
		grow(made, 12, "base")
		base := made.upper
		o := newOverlay(base)
		grow(o, 10, "first")
		layer1, old := o.layer(t)
		o = o.clone()
		grow(o, 8, "second")
		whole, now := o.layer(t)

		d, ok := now.differ(old)
		if !ok {
			return
		}
		said++
		var more bytes.Buffer
		if err := d.write(&more, bytes.NewReader(whole)); err != nil {
			t.Fatal(err)
		}
		want, got := maps.Clone(base), maps.Clone(base)
		want.apply(whole)
		got.apply(layer1)
		got.apply(more.Bytes())
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-one layer +two layers):\n%s\nfirst: %v\nthen: %v\nchanged %v, gone %v", diff, slices.Sorted(maps.Keys(old.Sums)), slices.Sorted(maps.Keys(now.Sums)), d.changed, d.gone)
		}
	})
	if said == 0 {
		t.Error("no difference could be said")
	}
}
