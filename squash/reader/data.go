package reader

import (
	"fmt"
	"io"

	"github.com/jrun-hpc/jrun/squash"
)

// ReadAt reads from a file as io.ReaderAt does: fewer bytes than len(p) only at
// the end of the file, then with io.EOF. A p that covers a whole data block at
// its place is the fast way, see the package comment.
func (r *Reader) ReadAt(ino *Inode, p []byte, off int64) (int, error) {
	return r.readAt(ino, p, off, nil)
}

func (r *Reader) readAt(ino *Inode, p []byte, off int64, fresh *Fresh) (int, error) {
	if ino.Type != squash.TypeFile {
		err := errNotFile
		if ino.Type == squash.TypeDir {
			err = errIsDir
		}
		return 0, fmt.Errorf("reading file %#x: %w", uint64(ino.Ref), err)
	}
	if off < 0 {
		return 0, fmt.Errorf("reading file %#x: offset %d: %w", uint64(ino.Ref), off, errNotFile)
	}
	if uint64(off) >= ino.Size {
		return 0, io.EOF
	}
	want := p
	if rest := ino.Size - uint64(off); uint64(len(p)) > rest {
		want = p[:rest]
	}
	n, err := r.readRange(ino, want, uint64(off), fresh)
	if err != nil {
		return n, fmt.Errorf("reading file %#x: %w", uint64(ino.Ref), err)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// fullBlocks is the number of data blocks: the tail counts when it is not in a
// fragment.
func (r *Reader) fullBlocks(ino *Inode) uint64 {
	blockSize := uint64(r.sb.BlockSize)
	if ino.fragment != squash.NoFragment {
		return ino.Size / blockSize
	}
	return (ino.Size + blockSize - 1) / blockSize
}

// readRange fills p, which ends at or before the end of the file.
func (r *Reader) readRange(ino *Inode, p []byte, off uint64, fresh *Fresh) (int, error) {
	inBlocks := r.fullBlocks(ino) * uint64(r.sb.BlockSize) // where the tail begins, if it is in a fragment
	done := 0
	if len(p) > 0 && off < inBlocks {
		n, err := r.readBlocks(ino, p[:min(uint64(len(p)), inBlocks-off)], off, fresh)
		if err != nil {
			return n, err
		}
		done = n
	}
	if done == len(p) {
		return done, nil
	}
	if err := r.readFragment(ino, p[done:], int(off+uint64(done)-inBlocks), int(ino.Size-inBlocks)); err != nil {
		return done, err
	}
	return len(p), nil
}

// readInOrder fills p, which is not empty, from data blocks one after another.
// It returns how many bytes at the front of p are good.
func (r *Reader) readInOrder(ino *Inode, p []byte, off uint64, fresh *Fresh) (int, error) {
	blockSize := uint64(r.sb.BlockSize)
	blocks := r.fullBlocks(ino)
	list, err := r.blockList(ino, off/blockSize)
	if err != nil {
		return 0, err
	}
	done := 0
	for done < len(p) {
		index := off / blockSize
		at := blockPart{within: int(off % blockSize), offset: index * blockSize}
		at.length = int(min(blockSize, ino.Size-at.offset))
		part := p[done:min(len(p), done+at.length-at.within)]
		if at.start, at.word, err = list.next(); err != nil {
			return done, err
		}
		if r.ahead != nil && blocks > sequentialBlocks {
			r.ahead.saw(ino.Ref, index, blocks, at.start, uint64(at.word.Size()), r.inodeTable.start)
		}
		if err := r.readBlock(at, part, fresh); err != nil {
			return done, err
		}
		done += len(part)
		off += uint64(len(part))
	}
	return done, nil
}

// blockPart is a place in a data block.
type blockPart struct {
	start  uint64 // absolute offset of the stored block
	word   squash.SizeWord
	offset uint64 // of the block in its file, in bytes
	length int    // of the block once decompressed
	within int    // where in the block to begin
}

// readBlock fills part from a data block.
func (r *Reader) readBlock(at blockPart, part []byte, fresh *Fresh) error {
	if at.word.Size() == 0 {
		clear(part)
		return nil
	}
	if err := r.checkStored(at.start, at.word); err != nil {
		return err
	}
	if !at.word.Compressed() {
		if at.word.Size() != at.length {
			return corrupt("block of %d bytes where %d belong", at.word.Size(), at.length)
		}
		return readFull(r.src, part, at.start+uint64(at.within))
	}
	key := blockKey{at.start, uint32(at.word)}
	var b *block
	loaded := false
	if len(part) == at.length {
		if b = r.blocks.peek(key); b == nil {
			if fresh == nil {
				part = part[:len(part):len(part)] // no scratch space behind it
			}
			return r.load(part, at.start, at.word)
		}
	} else {
		var err error
		if b, loaded, err = r.blocks.get(key, at.length, func(dst []byte) (int, error) {
			return len(dst), r.load(dst, at.start, at.word)
		}); err != nil {
			return err
		}
	}
	if len(b.data) != at.length {
		r.blocks.release(b)
		return corrupt("block of %d bytes where %d belong", len(b.data), at.length)
	}
	copy(part, b.data[at.within:])
	if loaded && fresh != nil {
		fresh.add(b, at.offset)
	} else {
		r.blocks.release(b)
	}
	return nil
}

// readFragment fills part from the file's tail, which has length bytes.
func (r *Reader) readFragment(ino *Inode, part []byte, within, length int) error {
	f, err := r.fragment(ino.fragment)
	if err != nil {
		return err
	}
	if err := r.checkStored(f.start, f.size); err != nil {
		return err
	}
	at := int(ino.offset) + within
	if !f.size.Compressed() {
		if int(ino.offset)+length > f.size.Size() {
			return corrupt("tail lies behind the end of its fragment")
		}
		return readFull(r.src, part, f.start+uint64(at))
	}
	b, _, err := r.blocks.get(blockKey{f.start, uint32(f.size)}, int(r.sb.BlockSize), func(dst []byte) (int, error) {
		return r.unpack(dst, f.start, f.size)
	})
	if err != nil {
		return err
	}
	defer r.blocks.release(b)
	if int(ino.offset)+length > len(b.data) {
		return corrupt("tail lies behind the end of its fragment")
	}
	copy(part, b.data[at:])
	return nil
}

// checkStored verifies that a block on disk lies inside the file.
func (r *Reader) checkStored(start uint64, word squash.SizeWord) error {
	size := uint64(word.Size())
	if word.Size() == 0 || size > uint64(r.sb.BlockSize) || uint32(word)>>25 != 0 {
		return corrupt("stored block of size %#x", uint32(word))
	}
	if start < squash.SuperblockSize || start > r.sb.BytesUsed || size > r.sb.BytesUsed-start {
		return corrupt("stored block of %d bytes at %d", size, start)
	}
	return nil
}

// load decompresses a block that must fill dst.
func (r *Reader) load(dst []byte, start uint64, word squash.SizeWord) error {
	n, err := r.unpack(dst, start, word)
	if err == nil && n != len(dst) {
		err = corrupt("block at %d has %d bytes where %d belong", start, n, len(dst))
	}
	return err
}

// unpack decompresses the stored block into dst and returns its length.
func (r *Reader) unpack(dst []byte, start uint64, word squash.SizeWord) (int, error) {
	scratch := r.scratch.Get().(*[]byte)
	defer r.scratch.Put(scratch)
	packed := (*scratch)[:word.Size()]
	if err := readFull(r.src, packed, start); err != nil {
		return 0, err
	}
	n, err := r.pack.decompress(dst, packed)
	if err != nil {
		return 0, fmt.Errorf("decompressing block at %d: %w", start, err)
	}
	return n, nil
}
