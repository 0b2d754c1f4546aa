package conformance

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/jrun-hpc/jrun/integration/torture"
	"github.com/jrun-hpc/jrun/squash"
	"github.com/jrun-hpc/jrun/squash/reader"
)

// readerView sees an image through our reader.
type readerView struct{ r *reader.Reader }

func openReader(t *testing.T, image string, opts reader.Options) *reader.Reader {
	t.Helper()
	file, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	r, err := reader.Open(file, info.Size(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (v readerView) String() string      { return "our reader" }
func (v readerView) blind(e entry) entry { return e }

func (v readerView) names(dir string) ([]string, error) {
	entries, err := v.r.FS().ReadDir(dir)
	return entryNames(entries), err
}

func (v readerView) open(path string) (io.ReaderAt, error) {
	ino, err := v.r.Resolve(path, false)
	return readerFile{v.r, ino}, err
}

type readerFile struct {
	r   *reader.Reader
	ino reader.Inode
}

func (f readerFile) ReadAt(p []byte, off int64) (int, error) { return f.r.ReadAt(&f.ino, p, off) }

func (v readerView) tree(unread ...string) (map[string]entry, error) {
	tree := make(map[string]entry)
	inodes := make(map[string]squash.InodeRef)
	numbers := make(map[squash.InodeRef]uint32)
	owner := make(map[uint32]squash.InodeRef)
	err := v.r.Walk(func(path string, ino *reader.Inode) error {
		e, err := v.describe(ino, !slices.Contains(unread, path))
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		tree[path], inodes[path] = e, ino.Ref
		numbers[ino.Ref] = ino.Number
		if other, taken := owner[ino.Number]; taken && other != ino.Ref {
			return fmt.Errorf("%s: inode number %d has two inodes", path, ino.Number)
		}
		owner[ino.Number] = ino.Ref
		return nil
	})
	groupLinks(tree, inodes)
	return tree, err
}

func (v readerView) describe(ino *reader.Inode, read bool) (entry, error) {
	e := entry{File: torture.File{
		Type: " dflbcps"[ino.Type], Mode: ino.Mode, UID: ino.UID, GID: ino.GID,
		MTime: int64(ino.MTime), Nlink: ino.Nlink,
	}}
	var err error
	switch ino.Type {
	case squash.TypeFile:
		e.Size = int64(ino.Size)
		e.Blocks = (ino.AllocatedBytes()+511)/512*512 < ino.Size
		if read {
			h := sha256.New()
			_, err = io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{
				io.NewSectionReader(readerFile{v.r, *ino}, 0, e.Size),
			}, make([]byte, min(e.Size+1, 1<<20)))
			e.SHA256 = hex.EncodeToString(h.Sum(nil))
		}
	case squash.TypeSymlink:
		e.Target, err = v.r.Readlink(ino)
	case squash.TypeBlockDev, squash.TypeCharDev:
		e.Major, e.Minor = ino.Major(), ino.Minor()
	}
	if err != nil {
		return entry{}, err
	}
	names, err := v.r.XattrNames(ino)
	if err != nil || len(names) == 0 {
		return e, err
	}
	e.Xattrs = make(map[string]string)
	for _, name := range names {
		value, err := v.r.Xattr(ino, name)
		if err != nil {
			return entry{}, err
		}
		e.Xattrs[name] = string(value)
	}
	return e, nil
}
