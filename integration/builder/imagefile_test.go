//go:build e2e

package builder

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// imageFile is an image as it is in an archive: what is compared between builders.
type imageFile struct {
	tree   tree           // of all layers
	below  tree           // of the base's layer only
	config map[string]any // without what differs from build to build, and what is empty
}

// tree are the paths of a file system. Hard links are one node under several paths.
type tree map[string]*node

type node struct {
	kind       byte // of tar
	mode       int64
	uid, gid   int
	size       int64
	sum        [sha256.Size]byte
	begin      string // of a small file: all of it
	link       string
	whiteout   bool
	opaque     bool
	linkTarget string
}

// smallFile bounds files whose content stands in the list.
const smallFile = 80

// layerCache keeps what layers hold: nearly all images here have one in common.
var layerCache struct {
	sync.Mutex
	layers map[v1.Hash][]entry
}

type entry struct {
	path string
	node node
}

// readImage reads an image of an archive as docker save writes it: the one called so, or
// the only one.
func readImage(file, called string) (imageFile, error) {
	var tag *name.Tag
	if called != "" {
		parsed, err := name.NewTag(called)
		if err != nil {
			return imageFile{}, err
		}
		tag = &parsed
	}
	img, err := tarball.ImageFromPath(file, tag)
	if err != nil {
		return imageFile{}, fmt.Errorf("reading %s: %w", file, err)
	}
	raw, err := img.RawConfigFile()
	if err != nil {
		return imageFile{}, err
	}
	var top struct {
		Config map[string]any `json:"config"`
	}
	if err := json.Unmarshal(raw, &top); err != nil {
		return imageFile{}, err
	}
	i := imageFile{tree: tree{}, below: tree{}, config: meaning(top.Config)}
	layers, err := img.Layers()
	if err != nil {
		return imageFile{}, err
	}
	for n, l := range layers {
		entries, err := readLayer(l)
		if err != nil {
			return imageFile{}, fmt.Errorf("reading layer %d of %s: %w", n, file, err)
		}
		i.tree.apply(entries)
		if n == 0 {
			i.below = maps.Clone(i.tree)
		}
	}
	return i, nil
}

// meaning drops names of builds, and what says nothing.
func meaning(config map[string]any) map[string]any {
	for _, name := range []string{"Hostname", "Image"} {
		delete(config, name)
	}
	if labels, ok := config["Labels"].(map[string]any); ok {
		delete(labels, "io.buildah.version")
	}
	maps.DeleteFunc(config, func(_ string, value any) bool {
		switch v := value.(type) {
		case nil:
			return true
		case string:
			return v == ""
		case bool:
			return !v
		case []any:
			return len(v) == 0
		case map[string]any:
			return len(v) == 0
		}
		return false
	})
	return config
}

func readLayer(l v1.Layer) ([]entry, error) {
	id, err := l.DiffID()
	if err != nil {
		return nil, err
	}
	layerCache.Lock()
	defer layerCache.Unlock()
	if entries, ok := layerCache.layers[id]; ok {
		return entries, nil
	}
	in, err := l.Uncompressed()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var entries []entry
	for r := tar.NewReader(in); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		e, err := readEntry(h, r)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	if layerCache.layers == nil {
		layerCache.layers = map[v1.Hash][]entry{}
	}
	layerCache.layers[id] = entries
	return entries, nil
}

func readEntry(h *tar.Header, content io.Reader) (entry, error) {
	e := entry{path: path.Join("/", h.Name), node: node{kind: h.Typeflag, mode: h.Mode & 0o7777, uid: h.Uid, gid: h.Gid, size: h.Size}}
	dir, own := path.Split(e.path)
	switch {
	case own == ".wh..wh..opq":
		e.path, e.node.opaque = path.Clean(dir), true
		return e, nil
	case strings.HasPrefix(own, ".wh."):
		e.path, e.node.whiteout = dir+strings.TrimPrefix(own, ".wh."), true
		return e, nil
	case h.Typeflag == tar.TypeLink:
		e.node.linkTarget = path.Join("/", h.Linkname)
		return e, nil
	case h.Typeflag == tar.TypeSymlink:
		e.node.link = h.Linkname
	}
	sum := sha256.New()
	var begin strings.Builder
	if _, err := io.Copy(io.MultiWriter(sum, &begin), io.LimitReader(content, smallFile)); err != nil {
		return e, err
	}
	if _, err := io.Copy(sum, content); err != nil {
		return e, err
	}
	copy(e.node.sum[:], sum.Sum(nil))
	e.node.begin = begin.String()
	return e, nil
}

// apply lays a layer over the tree (OCI image-spec, layer.md). Whiteouts are about
// lower layers only, wherever they stand.
func (t tree) apply(entries []entry) {
	for _, e := range entries {
		switch {
		case e.node.opaque:
			t.removeBelow(e.path)
		case e.node.whiteout:
			t.removeBelow(e.path)
			delete(t, e.path)
		}
	}
	for _, e := range entries {
		if e.node.opaque || e.node.whiteout || e.path == "/" {
			continue
		}
		if e.node.kind != tar.TypeDir {
			t.removeBelow(e.path)
		}
		if e.node.linkTarget != "" {
			t[e.path] = t[e.node.linkTarget]
			continue
		}
		n := e.node
		t[e.path] = &n
	}
}

func (t tree) removeBelow(dir string) {
	prefix := strings.TrimSuffix(dir, "/") + "/"
	maps.DeleteFunc(t, func(p string, _ *node) bool { return strings.HasPrefix(p, prefix) })
}

// left are paths that builders need themselves and that some leave in images: mount
// points, and what is mounted there.
var left = []string{"/dev", "/proc", "/sys", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/run/secrets", "/run/.containerenv"}

func isLeft(p string) bool {
	return slices.ContainsFunc(left, func(l string) bool { return p == l || strings.HasPrefix(p, l+"/") })
}

// lines are a tree as text, in the order of paths.
func (t tree) lines(owners bool) []string {
	first := map[*node]string{}
	paths := slices.Sorted(maps.Keys(t))
	var all []string
	for _, p := range paths {
		n := t[p]
		if isLeft(p) || n == nil {
			continue
		}
		line := t.line(p, n, owners)
		if other, linked := first[n]; linked {
			line = shown(p) + " is " + shown(other)
		} else {
			first[n] = p
		}
		all = append(all, line)
	}
	return all
}

var kinds = map[byte]string{tar.TypeReg: "f", tar.TypeDir: "d", tar.TypeSymlink: "l", tar.TypeFifo: "p", tar.TypeChar: "c", tar.TypeBlock: "b"}

func (t tree) line(p string, n *node, owners bool) string {
	owner := "-"
	if owners {
		owner = fmt.Sprintf("%d:%d", n.uid, n.gid)
	}
	line := fmt.Sprintf("%s %s %04o %s", shown(p), kinds[n.kind], n.mode, owner)
	switch {
	case n.kind == tar.TypeSymlink:
		return fmt.Sprintf("%s l %s -> %s", shown(p), owner, shown(n.link))
	case n.kind == tar.TypeReg && n.size <= smallFile && utf8.ValidString(n.begin):
		return line + " " + strconv.Quote(n.begin)
	case n.kind == tar.TypeReg:
		return line + fmt.Sprintf(" %d %x", n.size, n.sum[:8])
	}
	return line
}

// shown is a path, quoted where it is not plain.
func shown(p string) string {
	if quoted := strconv.Quote(p); strings.ContainsAny(p, " ") || quoted != `"`+p+`"` {
		return quoted
	}
	return p
}

// added are the lines of what is not in the base.
func (i imageFile) added(owners bool) []string {
	base := i.below.lines(owners)
	return slices.DeleteFunc(i.tree.lines(owners), func(line string) bool {
		_, found := slices.BinarySearch(base, line)
		return found || slices.Contains(base, line)
	})
}
