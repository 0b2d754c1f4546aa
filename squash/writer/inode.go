package writer

import "github.com/jrun-hpc/jrun/squash"

// inode is a file, directory, link or device of the merged image. Several
// names may lead to one inode that is not a directory.
type inode struct {
	kind  squash.InodeType // basic type
	mode  uint16           // permission bits, setuid, setgid, sticky
	layer int32            // the one that made it; -1 for the root
	uid   uint32
	gid   uint32
	mtime uint32 // seconds since the epoch
	rdev  uint32 // as the kernel's new_encode_dev packs it
	xattr uint32 // index in xattrSets, or squash.NoXattr

	size     int64     // bytes, of a regular file
	data     *blob     // of a regular file; nil when it is empty
	target   string    // of a symbolic link
	children *children // of a directory

	// Given when tables are built.
	number  uint32
	written bool
	nlink   uint32
	ref     squash.InodeRef
}

// children is what a directory holds.
type children struct {
	byName map[string]*inode // nil while there are none
	sorted []dirent          // takes the place of byName when tables are built
}

func (c *children) add(name string, n *inode) {
	if c.byName == nil {
		c.byName = make(map[string]*inode)
	}
	c.byName[name] = n
}

// dirent is one name in a directory.
type dirent struct {
	name  string
	inode *inode
}

// impliedDirMode, owner 0 and time 0 is what a directory gets that no tar mentions.
const impliedDirMode = 0o755

func newImpliedDir(layer int) *inode {
	return &inode{kind: squash.TypeDir, mode: impliedDirMode, layer: int32(layer), xattr: squash.NoXattr, children: &children{}}
}

func (n *inode) isDir() bool { return n.kind == squash.TypeDir }

// child returns what a directory holds under a name, or nil.
func (n *inode) child(name string) *inode { return n.children.byName[name] }

// takeMetadata is what happens to a directory when a tar names it again.
func (n *inode) takeMetadata(from *inode) {
	n.mode, n.uid, n.gid, n.mtime, n.xattr = from.mode, from.uid, from.gid, from.mtime, from.xattr
}

// blob is the stored content of one file that is not empty. The ordered writer
// fills in where it stands; a blob whose content was already stored points to
// that one instead.
type blob struct {
	same     *blob   // the blob that holds the content, when it is not this one
	extent   *extent // of a file of at least one block; nil for a smaller one
	fragment uint32  // of a smaller file
	offset   uint32  // in the fragment block before compression, bytes
	number   uint32  // among the blobs of its kind, in the order of the tars
	large    bool    // it has blocks of its own
	absent   bool    // it was punched out of the file that it was taken from
	live     bool    // some file of the merged image uses it
}

// extent is where the blocks of a file stand.
type extent struct {
	start  int64             // file offset of the first block
	stored int64             // bytes on disk
	words  []squash.SizeWord // one per block
	sparse int64             // bytes in blocks of zeros
}

// stands returns the blob that holds the content.
func (b *blob) stands() *blob {
	if b.same != nil {
		return b.same
	}
	return b
}
