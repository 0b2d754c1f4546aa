package squash

// InodeRef names a place in a table of metadata blocks: the upper 48 bits are
// the byte offset of the metadata block from the table's start, the lower 16
// the offset inside the block after decompression.
type InodeRef uint64

// NewInodeRef builds a reference from its two halves.
func NewInodeRef(block uint64, offset uint16) InodeRef {
	return InodeRef(block<<16 | uint64(offset))
}

// Block is the metadata block's offset from the table's start, in bytes.
func (r InodeRef) Block() uint64 { return uint64(r >> 16) }

// Offset is the offset inside the decompressed metadata block, in bytes.
func (r InodeRef) Offset() int { return int(r & 0xffff) }

// InodeType is the first 16-bit word of an inode. The extended forms carry
// link counts, xattrs and 64-bit sizes.
type InodeType uint16

// Inode types. A directory entry names an extended inode by its basic type.
const (
	TypeDir       InodeType = 1
	TypeFile      InodeType = 2
	TypeSymlink   InodeType = 3
	TypeBlockDev  InodeType = 4
	TypeCharDev   InodeType = 5
	TypeFifo      InodeType = 6
	TypeSocket    InodeType = 7
	extendedDelta InodeType = 7
	TypeLDir                = TypeDir + extendedDelta
	TypeLFile               = TypeFile + extendedDelta
	TypeLSymlink            = TypeSymlink + extendedDelta
	TypeLBlockDev           = TypeBlockDev + extendedDelta
	TypeLCharDev            = TypeCharDev + extendedDelta
	TypeLFifo               = TypeFifo + extendedDelta
	TypeLSocket             = TypeSocket + extendedDelta
)

// Basic returns the basic type of an extended one, and a basic one unchanged.
func (t InodeType) Basic() InodeType {
	if t > extendedDelta {
		return t - extendedDelta
	}
	return t
}

// Xattr name prefixes are stored as numbers; the names on disk lack them.
const (
	XattrUser     = 0
	XattrTrusted  = 1
	XattrSecurity = 2
	XattrOOL      = 1 << 8 // the value is a 64-bit reference to another value
)

// XattrPrefixes maps the numbers above to the prefixes that users see.
var XattrPrefixes = [...]string{XattrUser: "user.", XattrTrusted: "trusted.", XattrSecurity: "security."}
