package writer

import (
	"archive/tar"
	"bytes"
	"path"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/integration/torture"
)

// A naive model of the merge: a flat map from paths to nodes, changed entry by
// entry, as one would do it with a shell. It shares no code with the tree.

// op is one entry of a generated layer.
type op struct {
	kind    byte // 'f', 'd', 'l' symlink, 'h' hard link, 'p', 'w' whiteout, 'o' opaque
	name    string
	target  string // of 'l' and 'h'
	content string // of 'f'
	mode    int64
	uid     int
	xattr   string // value of user.x, if not empty
}

// node is an inode of the model; names that are hard links share it.
type node struct {
	file torture.File
}

type model map[string]*node

func newModel() model {
	return model{".": &node{torture.File{Type: 'd', Mode: 0o755}}}
}

// apply merges one layer. It reports false where the layer is invalid.
func (m model) apply(ops []op) bool {
	before := make(model)
	for name, n := range m {
		before[name] = n
	}
	madeDir := make(map[string]bool)
	for _, o := range ops {
		if o.kind == 'd' {
			madeDir[path.Clean(o.name)] = true
		}
	}
	for _, o := range ops {
		switch o.kind {
		case 'w':
			if dir, ok := before.whiteoutDir(path.Dir(o.name), madeDir); ok {
				m.remove(path.Join(dir, path.Base(o.name)))
			}
		case 'o':
			if dir, ok := before.whiteoutDir(o.name, madeDir); ok {
				for name := range before {
					if name != "." && path.Dir(name) == dir {
						m.remove(name)
					}
				}
			}
		}
	}
	for _, o := range ops {
		if o.kind == 'w' || o.kind == 'o' {
			continue
		}
		if !m.place(o, before) {
			return false
		}
	}
	return true
}

func (m model) remove(name string) {
	for other := range m {
		if other == name || strings.HasPrefix(other, name+"/") {
			delete(m, other)
		}
	}
}

// whiteoutDir finds the directory that a whiteout is about, in the lower layers.
func (m model) whiteoutDir(dir string, madeDir map[string]bool) (string, bool) {
	walked := "."
	if dir != "." {
		for _, c := range strings.Split(dir, "/") {
			walked = path.Join(walked, c)
			if n := m[walked]; n == nil {
				return "", false
			} else if n.file.Type == 'l' {
				if madeDir[walked] {
					return "", false
				}
				break
			}
		}
	}
	return m.follow(dir, false)
}

// follow resolves a directory's path to one without symbolic links.
func (m model) follow(dir string, create bool) (string, bool) {
	at, todo := ".", strings.Split(dir, "/")
	for hops := 0; len(todo) > 0; {
		c := todo[0]
		todo = todo[1:]
		switch c {
		case "", ".":
			continue
		case "..":
			at = path.Dir(at)
			continue
		}
		next := path.Join(at, c)
		n := m[next]
		switch {
		case n == nil && create:
			m[next] = &node{torture.File{Type: 'd', Mode: 0o755}}
			at = next
		case n == nil:
			return "", false
		case n.file.Type == 'd':
			at = next
		case n.file.Type == 'l':
			if hops++; hops > 40 {
				return "", false
			}
			if n.file.Target[0] == '/' {
				at = "."
			}
			todo = append(strings.Split(n.file.Target, "/"), todo...)
		default:
			return "", false
		}
	}
	return at, true
}

func (m model) place(o op, before model) bool {
	name := path.Clean(o.name)
	if name == "." {
		if o.kind != 'd' {
			return false
		}
		m["."] = &node{o.file()}
		return true
	}
	dir, ok := m.follow(path.Dir(name), true)
	if !ok {
		return false
	}
	name = path.Join(dir, path.Base(name))
	made := &node{o.file()}
	if o.kind == 'h' {
		if made = m.linkTarget(o.target, before); made == nil {
			return false
		}
	}
	if old := m[name]; old != nil && old.file.Type == 'd' && made.file.Type == 'd' {
		m[name] = made
		return true
	}
	m.remove(name)
	m[name] = made
	return true
}

func (m model) linkTarget(target string, before model) *node {
	for _, tree := range []model{m, before} {
		dir, ok := tree.follow(path.Dir(target), false)
		if !ok {
			continue
		}
		if n := tree[path.Join(dir, path.Base(target))]; n != nil {
			if n.file.Type == 'd' {
				return nil
			}
			return n
		}
	}
	return nil
}

// file is what an entry makes.
func (o op) file() torture.File {
	f := torture.File{Type: o.kind, Mode: uint32(o.mode), UID: uint32(o.uid), MTime: modelTime.Unix()}
	if o.kind == 'f' {
		f.Size, f.SHA256 = int64(len(o.content)), hexSum(o.content)
	}
	if o.kind == 'l' {
		f.Target = o.target
	}
	if o.xattr != "" {
		f.Xattrs = map[string]string{"user.x": o.xattr}
	}
	return f
}

var modelTime = time.Unix(1_600_000_000, 0)

// files is the whole model as readImage describes an image.
func (m model) files() map[string]torture.File {
	links := make(map[*node]uint32)
	subdirs := make(map[string]uint32)
	for name, n := range m {
		links[n]++
		if name != "." && n.file.Type == 'd' {
			subdirs[path.Dir(name)]++
		}
	}
	found := make(map[string]torture.File)
	for name, n := range m {
		f := n.file
		f.Nlink = links[n]
		if f.Type == 'd' {
			f.Nlink = 2 + subdirs[name]
		}
		found[name] = f
	}
	return found
}

// tarOps writes a generated layer as tar.
func tarOps(ops []op) []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, o := range ops {
		h := tar.Header{Name: o.name, Mode: o.mode, Uid: o.uid, ModTime: modelTime, Format: tar.FormatPAX}
		if o.xattr != "" {
			h.PAXRecords = map[string]string{"SCHILY.xattr.user.x": o.xattr}
		}
		switch o.kind {
		case 'f':
			h.Typeflag, h.Size = tar.TypeReg, int64(len(o.content))
		case 'd':
			h.Typeflag = tar.TypeDir
		case 'l':
			h.Typeflag, h.Linkname = tar.TypeSymlink, o.target
		case 'h':
			h.Typeflag, h.Linkname = tar.TypeLink, o.target
		case 'p':
			h.Typeflag = tar.TypeFifo
		case 'w':
			h.Typeflag, h.Name = tar.TypeReg, path.Join(path.Dir(o.name), ".wh."+path.Base(o.name))
		case 'o':
			h.Typeflag, h.Name = tar.TypeReg, path.Join(o.name, ".wh..wh..opq")
		}
		if err := w.WriteHeader(&h); err != nil {
			panic(err)
		}
		if o.kind == 'f' {
			if _, err := w.Write([]byte(o.content)); err != nil {
				panic(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return buf.Bytes()
}
