package workspace

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"go.podman.io/storage/pkg/archive"
)

// A workspace that was uploaded and then changed a little should not go up again as a
// whole. So what an upload has brought to a registry is remembered, path by path, and
// the next image keeps those layers and has one more, with the difference.

// contents tells what is at each path of a layer: a sum of what the tar says of it and of
// its data. Links are the hard links in it, by their paths.
type contents struct {
	Sums  map[string]string `json:"sums"`
	Links map[string]string `json:"links,omitempty"`

	dirs map[string]bool // which of them are directories; not kept
}

func newContents() *contents {
	return &contents{Sums: map[string]string{}, Links: map[string]string{}, dirs: map[string]bool{}}
}

// Names of whiteouts (OCI image specification, layer.md).
const (
	whiteout = archive.WhiteoutPrefix
	opaque   = archive.WhiteoutOpaqueDir
)

// sumSize is enough to tell apart all files that there will ever be.
const sumSize = 18

// entryName is the path of an entry without what does not matter.
func entryName(h *tar.Header) string { return strings.Trim(path.Clean("/"+h.Name), "/") }

// add notes an entry and returns what its data must be read through.
func (c *contents) add(h *tar.Header, data io.Reader) (io.Reader, func()) {
	name := entryName(h)
	sum := sha256.New()
	fmt.Fprintf(sum, "%c %o %d %d %d %d %q %d %d", h.Typeflag, h.Mode, h.Uid, h.Gid, h.Size, h.ModTime.UnixNano(), h.Linkname, h.Devmajor, h.Devminor)
	for _, key := range slices.Sorted(mapKeys(h.PAXRecords)) {
		if strings.HasPrefix(key, "SCHILY.xattr.") {
			fmt.Fprintf(sum, " %q=%q", key, h.PAXRecords[key])
		}
	}
	if h.Typeflag == tar.TypeDir {
		c.dirs[name] = true
	}
	if h.Typeflag == tar.TypeLink {
		c.Links[name] = strings.Trim(path.Clean("/"+h.Linkname), "/")
	}
	return io.TeeReader(data, sum), func() {
		c.Sums[name] = base64.RawStdEncoding.EncodeToString(sum.Sum(nil)[:sumSize])
	}
}

func mapKeys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// difference is what one more layer must say.
type difference struct {
	changed map[string]bool // entries of the new contents that go into it
	gone    []string        // paths that get a whiteout, sorted
}

// differ compares what a workspace holds with what its uploaded layers hold. ok is false
// when a further layer cannot say the difference: something that was deleted from the
// base is there again, which only a layer in the place of the first one could say.
func (c *contents) differ(old *contents) (d difference, ok bool) {
	d.changed = map[string]bool{}
	for name, sum := range c.Sums {
		if old.Sums[name] != sum {
			d.changed[name] = true
		}
	}
	for name := range old.Sums {
		if _, there := c.Sums[name]; there {
			continue
		}
		dir, base := path.Split(name)
		if strings.HasPrefix(base, whiteout) {
			// Where the file itself, or a new directory around it, is there instead, the
			// whiteout has no meaning any more.
			if _, again := c.Sums[dir+strings.TrimPrefix(base, whiteout)]; !again && base != opaque {
				return d, false
			}
			if base == opaque {
				return d, false
			}
			continue
		}
		if c.hides(name) || !c.isDirectory(strings.TrimSuffix(dir, "/"), old) {
			continue
		}
		d.gone = append(d.gone, name)
	}
	slices.Sort(d.gone)
	c.below(&d)
	c.links(&d)
	return d, true
}

// hides reports whether a whiteout in the new contents says already that name is gone, or
// is in a directory that is.
func (c *contents) hides(name string) bool {
	dir, base := path.Split(name)
	_, hidden := c.Sums[dir+whiteout+base]
	return hidden
}

// isDirectory reports whether the directory of something that is gone is still there, so
// that a whiteout in it is needed. One that the layers never named is the base's.
func (c *contents) isDirectory(dir string, old *contents) bool {
	for ; dir != "" && dir != "."; dir = path.Dir(dir) {
		if c.hides(dir) {
			return false
		}
		_, was := old.Sums[dir]
		_, is := c.Sums[dir]
		if was && !is || is && !c.dirs[dir] {
			return false // it is gone as a whole, or something else is in its place
		}
	}
	return true
}

// below adds all that is in directories that become opaque: a new marker hides what lower
// layers have there, ours included.
func (c *contents) below(d *difference) {
	var dirs []string
	for name := range d.changed {
		if dir, base := path.Split(name); base == opaque {
			dirs = append(dirs, dir)
		}
	}
	if len(dirs) == 0 {
		return
	}
	for name := range c.Sums {
		if slices.ContainsFunc(dirs, func(dir string) bool { return strings.HasPrefix(name, dir) }) {
			d.changed[name] = true
		}
	}
	d.gone = slices.DeleteFunc(d.gone, func(name string) bool {
		return slices.ContainsFunc(dirs, func(dir string) bool { return strings.HasPrefix(name, dir) })
	})
}

// links keeps hard links together: a link whose file is in another layer would be a file
// of its own.
func (c *contents) links(d *difference) {
	groups := map[string][]string{}
	for link, target := range c.Links {
		groups[target] = append(groups[target], link)
	}
	for target, all := range groups {
		all = append(all, target)
		if slices.ContainsFunc(all, func(name string) bool { return d.changed[name] }) {
			for _, name := range all {
				d.changed[name] = true
			}
		}
	}
}

// write makes a layer of a difference from the tar of all: first what is gone, then
// what has changed, in the order of the tar.
func (d *difference) write(dst io.Writer, all io.Reader) error {
	out := tar.NewWriter(dst)
	for _, name := range d.gone {
		dir, base := path.Split(name)
		if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: dir + whiteout + base, Mode: 0o644}); err != nil {
			return fmt.Errorf("writing a layer: %w", err)
		}
	}
	for in := tar.NewReader(all); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return out.Close()
		}
		if err != nil {
			return fmt.Errorf("reading a layer: %w", err)
		}
		if !d.changed[entryName(h)] {
			continue
		}
		if err := out.WriteHeader(h); err != nil {
			return fmt.Errorf("writing a layer: %w", err)
		}
		if _, err := io.Copy(out, in); err != nil {
			return fmt.Errorf("writing a layer: %w", err)
		}
	}
}
