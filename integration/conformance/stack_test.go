package conformance

import (
	"archive/tar"
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/squash"
	"github.com/jrun-hpc/jrun/squash/writer"
)

// stack makes layers at random: few names, so that layers meet often. It keeps
// the merged tree in mind only as far as it must to write no entry that has no
// meaning, such as a file below a file.
type stack struct {
	rng  *rand.Rand
	tree map[string]byte // path to tar type, of what is there now
}

// layer returns one tar: first what it hides of the layers below, then what it
// adds. (What a whiteout means for its own layer is package torture's affair.)
func (s *stack) layer(entries int) []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	below := slices.Sorted(maps.Keys(s.tree))
	s.rng.Shuffle(len(below), func(i, j int) { below[i], below[j] = below[j], below[i] })
	for _, name := range below[:len(below)/6] {
		if _, still := s.tree[name]; still {
			s.hide(w, name)
		}
	}
	for range entries {
		s.add(w)
	}
	w.Close() // a buffer does not fail, and the headers are ours
	return buf.Bytes()
}

func (s *stack) hide(w *tar.Writer, name string) {
	if s.tree[name] == tar.TypeDir && s.rng.IntN(2) == 0 {
		s.write(w, tar.Header{Name: name + "/.wh..wh..opq", Typeflag: tar.TypeReg}, nil)
		s.remove(name, false)
		return
	}
	s.write(w, tar.Header{Name: path.Join(path.Dir(name), ".wh."+path.Base(name)), Typeflag: tar.TypeReg}, nil)
	s.remove(name, true)
}

func (s *stack) remove(name string, itself bool) {
	maps.DeleteFunc(s.tree, func(p string, _ byte) bool {
		return strings.HasPrefix(p, name+"/") || itself && p == name
	})
}

func (s *stack) write(w *tar.Writer, h tar.Header, content []byte) {
	h.Size = int64(len(content))
	h.Format = tar.FormatPAX
	if err := w.WriteHeader(&h); err != nil {
		panic(err) // the generator made a header that is none
	}
	_, _ = w.Write(content)
}

func (s *stack) add(w *tar.Writer) {
	name := s.path()
	h := tar.Header{
		Name: name, Mode: int64(s.rng.IntN(0o10000)), Uid: s.rng.IntN(5) * 1000, Gid: s.rng.IntN(3),
		ModTime: time.Unix(1_000_000_000+s.rng.Int64N(1e9), 0),
	}
	if s.rng.IntN(4) == 0 {
		h.PAXRecords = map[string]string{"SCHILY.xattr.user.x": fmt.Sprint(s.rng.IntN(3))}
	}
	var content []byte
	switch kind := s.rng.IntN(12); kind {
	case 0, 1, 2, 3:
		h.Typeflag = tar.TypeReg
		content = compressible(s.rng.Uint64N(4), s.rng.IntN(1<<s.rng.IntN(19)))
	case 4, 5, 6:
		h.Typeflag = tar.TypeDir
	case 7, 8:
		h.Typeflag, h.Mode, h.PAXRecords = tar.TypeSymlink, 0o777, nil // user.* is not for symlinks
		h.Linkname = []string{"nowhere", "../a", "/b/c", strings.Repeat("long/", 40)}[s.rng.IntN(4)]
	case 9:
		h.Typeflag, h.PAXRecords = tar.TypeFifo, nil
	case 10:
		h.Typeflag, h.PAXRecords = tar.TypeChar, nil
		h.Devmajor, h.Devminor = s.rng.Int64N(300), s.rng.Int64N(70000)
	case 11:
		target, ok := s.file(name)
		if !ok {
			return
		}
		h = tar.Header{Name: name, Typeflag: tar.TypeLink, Linkname: target}
	}
	s.addParents(w, path.Dir(name))
	if h.Typeflag != tar.TypeDir || s.tree[name] != tar.TypeDir {
		s.remove(name, true)
	}
	s.tree[name] = h.Typeflag
	if h.Typeflag == tar.TypeLink {
		s.tree[name] = tar.TypeReg
	}
	s.write(w, h, content)
}

// addParents adds the directories that are missing above a name: what they
// look like when no layer has them is for everybody to choose.
func (s *stack) addParents(w *tar.Writer, dir string) {
	if dir == "." || s.tree[dir] == tar.TypeDir {
		return
	}
	s.addParents(w, path.Dir(dir))
	s.write(w, tar.Header{Name: dir, Typeflag: tar.TypeDir, Mode: 0o700, Uid: 42}, nil)
	s.tree[dir] = tar.TypeDir
}

// path chooses a place whose parents are directories or missing.
func (s *stack) path() string {
	for {
		parts := make([]string, 1+s.rng.IntN(4))
		for i := range parts {
			parts[i] = string(rune('a' + s.rng.IntN(4)))
		}
		name := path.Join(parts...)
		fits := true
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if kind, there := s.tree[dir]; there && kind != tar.TypeDir {
				fits = false
			}
		}
		if fits {
			return name
		}
	}
}

// file chooses a regular file that a hard link at name does not replace.
func (s *stack) file(name string) (string, bool) {
	var files []string
	for p, kind := range s.tree {
		if kind == tar.TypeReg && p != name && !strings.HasPrefix(p, name+"/") {
			files = append(files, p)
		}
	}
	if len(files) == 0 {
		return "", false
	}
	slices.Sort(files)
	return files[s.rng.IntN(len(files))], true
}

// TestRandomLayers merges stacks of layers with our writer and with umoci.
func TestRandomLayers(t *testing.T) {
	seeds := 12
	if testing.Short() {
		seeds = 3
	}
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := &stack{rng: rand.New(rand.NewPCG(seed, 2)), tree: make(map[string]byte)}
			var tars [][]byte
			for range 1 + s.rng.IntN(6) {
				tars = append(tars, s.layer(60))
			}
			opts := []writer.Options{{}, {Compression: squash.Gzip, BlockSize: 4096}, {Compression: squash.Lz4}, {Uncompressed: true}}
			image := writeImage(t, tars, opts[seed%4])
			check(t, umociView(t, tars), views(t, image))
		})
	}
}
