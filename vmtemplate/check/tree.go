package check

import (
	"io/fs"

	"github.com/jrun-hpc/jrun/squash/reader"
)

// Tree is a root file system that is looked at. Names are those of io/fs: without the
// first slash. Symbolic links, absolute ones too, lead to places in the tree and never
// out of it. Info of a directory's entries is that of the entries themselves. What is
// opened can be read at an offset.
type Tree interface {
	fs.ReadDirFS
	fs.StatFS
	fs.ReadLinkFS
}

// attributed is a Tree that knows extended attributes. One without is taken to have none.
type attributed interface {
	// Attribute is the value of an extended attribute of the file itself.
	Attribute(name, attribute string) ([]byte, error)
}

// Squash is an image in the form in which the servers have it.
type Squash struct {
	*reader.FS
	reader *reader.Reader
}

var (
	_ Tree       = Squash{}
	_ Tree       = (*Directory)(nil)
	_ attributed = Squash{}
	_ attributed = (*Directory)(nil)
)

// OpenSquash makes a Tree of an image that is open.
func OpenSquash(r *reader.Reader) Squash { return Squash{FS: r.FS(), reader: r} }

// Attribute implements attributed.
func (s Squash) Attribute(name, attribute string) ([]byte, error) {
	ino, err := s.reader.Resolve(name, false)
	if err != nil {
		return nil, err
	}
	return s.reader.Xattr(&ino, attribute)
}
