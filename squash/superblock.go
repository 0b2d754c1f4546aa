package squash

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Sizes and limits of the format.
const (
	Magic            = 0x73717368 // "hsqs" read as a little-endian word
	SuperblockSize   = 96         // bytes
	MetadataSize     = 8192       // bytes in a metadata block before compression
	MinBlockSize     = 4 << 10    // bytes
	MaxBlockSize     = 1 << 20    // bytes
	DefaultBlockSize = 128 << 10  // bytes
	MaxNameLength    = 255        // bytes in one directory entry's name
	MaxIDs           = 65535      // distinct uids and gids together: the superblock counts them in 16 bits
	MaxDirRun        = 256        // entries that may share one directory header
	PadSize          = 4096       // a file's length is padded to this many bytes
)

// NoTable is the value of a superblock offset whose table is absent.
const NoTable = ^uint64(0)

// NoFragment in an inode says that the file has no tail in a fragment block.
const NoFragment = ^uint32(0)

// NoXattr in an inode says that it has no extended attributes.
const NoXattr = ^uint32(0)

// Flags of the superblock.
const (
	FlagUncompressedInodes    = 1 << 0
	FlagUncompressedData      = 1 << 1
	FlagUncompressedFragments = 1 << 3
	FlagNoFragments           = 1 << 4
	FlagAlwaysFragments       = 1 << 5
	FlagDuplicates            = 1 << 6
	FlagExportable            = 1 << 7
	FlagUncompressedXattrs    = 1 << 8
	FlagNoXattrs              = 1 << 9
	FlagCompressorOptions     = 1 << 10
	FlagUncompressedIDs       = 1 << 11
)

// ErrCorrupt is wrapped by every error that means "these bytes are not a valid
// squashfs 4.0 file": a bad magic, an offset outside the file, a block that
// does not decompress to the size it promised.
var ErrCorrupt = errors.New("squashfs file is corrupt")

// ErrUnsupported is wrapped by errors about valid files that use something this
// package does not read (see the package comment).
var ErrUnsupported = errors.New("squashfs feature is not supported")

// Superblock is struct squashfs_super_block. Offsets are bytes from the start
// of the file.
type Superblock struct {
	Inodes             uint32
	ModTime            uint32 // seconds since the epoch
	BlockSize          uint32 // bytes, a power of two
	Fragments          uint32
	Compression        Compression
	BlockLog           uint16 // log2 of BlockSize
	Flags              uint16
	IDs                uint16
	RootInode          InodeRef
	BytesUsed          uint64 // length without the padding
	IDTableStart       uint64
	XattrTableStart    uint64
	InodeTableStart    uint64
	DirTableStart      uint64
	FragmentTableStart uint64
	ExportTableStart   uint64
}

// MarshalBinary returns the SuperblockSize bytes that stand at offset 0.
func (s *Superblock) MarshalBinary() ([]byte, error) {
	b := make([]byte, 0, SuperblockSize)
	le := binary.LittleEndian
	b = le.AppendUint32(b, Magic)
	b = le.AppendUint32(b, s.Inodes)
	b = le.AppendUint32(b, s.ModTime)
	b = le.AppendUint32(b, s.BlockSize)
	b = le.AppendUint32(b, s.Fragments)
	b = le.AppendUint16(b, uint16(s.Compression))
	b = le.AppendUint16(b, s.BlockLog)
	b = le.AppendUint16(b, s.Flags)
	b = le.AppendUint16(b, s.IDs)
	b = le.AppendUint16(b, 4) // major version
	b = le.AppendUint16(b, 0) // minor version
	b = le.AppendUint64(b, uint64(s.RootInode))
	b = le.AppendUint64(b, s.BytesUsed)
	b = le.AppendUint64(b, s.IDTableStart)
	b = le.AppendUint64(b, s.XattrTableStart)
	b = le.AppendUint64(b, s.InodeTableStart)
	b = le.AppendUint64(b, s.DirTableStart)
	b = le.AppendUint64(b, s.FragmentTableStart)
	b = le.AppendUint64(b, s.ExportTableStart)
	return b, nil
}

// UnmarshalBinary reads a superblock and checks what can be checked without
// the rest of the file: magic, version, compressor and block size. Errors wrap
// ErrCorrupt or ErrUnsupported.
func (s *Superblock) UnmarshalBinary(b []byte) error {
	if len(b) < SuperblockSize {
		return fmt.Errorf("%w: %d bytes are too few for a superblock", ErrCorrupt, len(b))
	}
	le := binary.LittleEndian
	if m := le.Uint32(b); m != Magic {
		return fmt.Errorf("%w: magic is %#x instead of %#x", ErrCorrupt, m, Magic)
	}
	if major, minor := le.Uint16(b[28:]), le.Uint16(b[30:]); major != 4 || minor != 0 {
		return fmt.Errorf("%w: version %d.%d", ErrUnsupported, major, minor)
	}
	*s = Superblock{
		Inodes:             le.Uint32(b[4:]),
		ModTime:            le.Uint32(b[8:]),
		BlockSize:          le.Uint32(b[12:]),
		Fragments:          le.Uint32(b[16:]),
		Compression:        Compression(le.Uint16(b[20:])),
		BlockLog:           le.Uint16(b[22:]),
		Flags:              le.Uint16(b[24:]),
		IDs:                le.Uint16(b[26:]),
		RootInode:          InodeRef(le.Uint64(b[32:])),
		BytesUsed:          le.Uint64(b[40:]),
		IDTableStart:       le.Uint64(b[48:]),
		XattrTableStart:    le.Uint64(b[56:]),
		InodeTableStart:    le.Uint64(b[64:]),
		DirTableStart:      le.Uint64(b[72:]),
		FragmentTableStart: le.Uint64(b[80:]),
		ExportTableStart:   le.Uint64(b[88:]),
	}
	if s.BlockSize < MinBlockSize || s.BlockSize > MaxBlockSize || s.BlockLog > 20 || s.BlockSize != 1<<s.BlockLog {
		return fmt.Errorf("%w: block size %d, log %d", ErrCorrupt, s.BlockSize, s.BlockLog)
	}
	return nil
}
