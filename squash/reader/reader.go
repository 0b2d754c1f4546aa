package reader

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/jrun-hpc/jrun/squash"
)

// Default sizes of the caches, in bytes.
const (
	DefaultBlockCache    = 16 << 20
	DefaultMetadataCache = 8 << 20
	DefaultDirCache      = 8 << 20
)

// Options bounds what a Reader keeps in memory. The zero value is good for a
// mounted image.
type Options struct {
	// BlockCache bounds decompressed data and fragment blocks, in bytes; 0
	// means DefaultBlockCache. Raise it for random reads of large files in an
	// image with large blocks.
	BlockCache int64
	// MetadataCache bounds decompressed metadata blocks, in bytes; 0 means
	// DefaultMetadataCache. About 60 bytes of metadata stand for one file.
	MetadataCache int64
	// DirCache bounds decoded directories, in bytes; 0 means DefaultDirCache.
	DirCache int64
	// ReadAhead, if not nil, is told of bytes of the file that a sequential
	// reader will want soon. It must not wait for them. A source that is an
	// *os.File has Advise without asking.
	ReadAhead func(off, length int64)
}

// Reader is an open squashfs file. All methods may be called concurrently.
type Reader struct {
	src  io.ReaderAt
	sb   squash.Superblock
	ids  []uint32
	pack codec

	inodeTable span
	dirTable   span
	fragments  pointerTable
	xattrIDs   pointerTable
	xattrs     span // key and value metadata blocks

	meta    *metaCache
	blocks  *blockCache
	dirs    *dirCache
	indexes *indexCache
	ahead   *readAhead // nil without Options.ReadAhead
	helpers helpers
	scratch sync.Pool // *[]byte for compressed blocks, blockSize long
}

// span is a region of the file that holds metadata blocks: absolute byte
// offsets, end exclusive.
type span struct{ start, end uint64 }

// Open reads the superblock and the id table of a squashfs file of size bytes.
// Errors wrap squash.ErrCorrupt, squash.ErrUnsupported or the error of src.
func Open(src io.ReaderAt, size int64, opts Options) (*Reader, error) {
	r := &Reader{src: src}
	if err := r.readSuperblock(size); err != nil {
		return nil, fmt.Errorf("opening squashfs file: %w", err)
	}
	var err error
	if r.pack, err = newCodec(r.sb.Compression, int(r.sb.BlockSize)); err != nil {
		return nil, fmt.Errorf("opening squashfs file: %w", err)
	}
	blockSize := int(r.sb.BlockSize)
	r.meta = newMetaCache(orDefault(opts.MetadataCache, DefaultMetadataCache))
	r.blocks = newBlockCache(orDefault(opts.BlockCache, DefaultBlockCache), blockSize)
	r.dirs = newDirCache(orDefault(opts.DirCache, DefaultDirCache))
	r.indexes = newIndexCache()
	r.helpers = newHelpers()
	if f, ok := src.(*os.File); ok && opts.ReadAhead == nil {
		opts.ReadAhead = Advise(f)
	}
	if opts.ReadAhead != nil {
		r.ahead = &readAhead{advise: opts.ReadAhead}
	}
	r.scratch.New = func() any { b := make([]byte, max(blockSize, squash.MetadataSize+2)); return &b }
	if err := r.locateTables(); err != nil {
		return nil, fmt.Errorf("opening squashfs file: %w", err)
	}
	return r, nil
}

func orDefault(n, def int64) int64 {
	if n <= 0 {
		return def
	}
	return n
}

// Superblock returns a copy of the file's superblock.
func (r *Reader) Superblock() squash.Superblock { return r.sb }

// HasXattrs reports whether any file in the image can have extended attributes.
func (r *Reader) HasXattrs() bool { return r.xattrIDs.count > 0 }

func (r *Reader) readSuperblock(size int64) error {
	if size < squash.SuperblockSize {
		return corrupt("%d bytes are too few for a superblock", size)
	}
	var buf [squash.SuperblockSize]byte
	if err := readFull(r.src, buf[:], 0); err != nil {
		return fmt.Errorf("reading superblock: %w", err)
	}
	if err := r.sb.UnmarshalBinary(buf[:]); err != nil {
		return err
	}
	const maxFile = 1 << 47 // so that an inode reference plus two never overflows
	if r.sb.BytesUsed > uint64(size) || r.sb.BytesUsed > maxFile {
		return corrupt("superblock says %d bytes, the file has %d", r.sb.BytesUsed, size)
	}
	return nil
}

// locateTables checks the order of the tables as fs/squashfs/super.c does:
// backwards from the end of the file, each before the next.
func (r *Reader) locateTables() error {
	sb := &r.sb
	next := sb.BytesUsed
	var err error

	if sb.XattrTableStart != squash.NoTable {
		if r.xattrIDs, r.xattrs, err = r.locateXattrs(sb.XattrTableStart, next); err != nil {
			return err
		}
		next = r.xattrs.start
	}
	ids, err := r.openTable("id", sb.IDTableStart, next, uint64(sb.IDs), 4)
	if err != nil {
		return err
	}
	if r.ids, err = r.readIDs(ids); err != nil {
		return fmt.Errorf("reading id table: %w", err)
	}
	next = sb.IDTableStart
	if sb.ExportTableStart != squash.NoTable {
		if sb.ExportTableStart >= next {
			return corrupt("export table at %d lies behind the id table", sb.ExportTableStart)
		}
		next = sb.ExportTableStart
	}
	if sb.Fragments > 0 {
		if r.fragments, err = r.openTable("fragment", sb.FragmentTableStart, next, uint64(sb.Fragments), 16); err != nil {
			return err
		}
		next = sb.FragmentTableStart
	}
	if sb.DirTableStart > next || sb.InodeTableStart >= sb.DirTableStart || sb.InodeTableStart < squash.SuperblockSize {
		return corrupt("inode table at %d, directory table at %d, next table at %d", sb.InodeTableStart, sb.DirTableStart, next)
	}
	r.dirTable = span{sb.DirTableStart, next}
	r.inodeTable = span{sb.InodeTableStart, sb.DirTableStart}
	return nil
}

func (r *Reader) readIDs(t pointerTable) ([]uint32, error) {
	if t.count == 0 {
		return nil, corrupt("no ids")
	}
	buf := make([]byte, t.count*4)
	for i := uint64(0); i < t.count; i += t.perBlock() {
		n := min(t.perBlock(), t.count-i)
		if err := r.tableEntries(t, i, buf[i*4:(i+n)*4]); err != nil {
			return nil, err
		}
	}
	ids := make([]uint32, t.count)
	for i := range ids {
		ids[i] = binary.LittleEndian.Uint32(buf[i*4:])
	}
	return ids, nil
}

// corrupt makes an error that wraps squash.ErrCorrupt.
func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", squash.ErrCorrupt, fmt.Sprintf(format, args...))
}

// readFull fills p from off. The caller has checked that p lies inside the
// file, so an early end means that the file shrank: io.ErrUnexpectedEOF.
func readFull(src io.ReaderAt, p []byte, off uint64) error {
	n, err := src.ReadAt(p, int64(off))
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("reading %d bytes at %d: %w", len(p), off, err)
}
