package writer

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/jrun-hpc/jrun/squash"
)

// Reuse names the file whose lowest layers are re-used.
type Reuse struct {
	// File is where they are copied from. When it has the method SyscallConn of
	// *os.File, its blocks are shared with the result where the file system can.
	File io.ReaderAt
	Size int64 // of File, bytes

	Index  *Index
	Layers int   // how many; at most what Index.Shared says
	Sums   []Sum // of the whole file, as in its Result
}

// Reused says what was taken from Options.Reuse.
type Reused struct {
	Layers      int
	Bytes       int64 // of the file's data area
	SharedBytes int64 // of them, those that the two files share on disk
}

// ReuseError says that not so many layers could be re-used. Write again with no
// more than Layers of them, on an empty file.
type ReuseError struct {
	Layers int
	Cause  error
}

func (e *ReuseError) Error() string {
	return fmt.Sprintf("no more than %d layers can be re-used: %v", e.Layers, e.Cause)
}

// Unwrap returns Cause.
func (e *ReuseError) Unwrap() error { return e.Cause }

// Causes of a ReuseError, besides ErrIndex and what File returned.
var (
	ErrHidden = errors.New("it lacks data that is visible in the new image")
	ErrSum    = errors.New("its bytes are not those that were written")
)

// reuse does for the layers of src what scanning them would have done.
func (p *pipeline) reuse(ctx context.Context, fs *tree, src *Reuse) error {
	if src.Layers == 0 {
		return nil
	}
	if src.Layers > len(src.Index.head.Layers) {
		return &ReuseError{0, indexError("it has fewer layers", nil)}
	}
	if src.Index.head.File != nameBySums(src.Sums) {
		return &ReuseError{0, indexError("it is about another file", nil)}
	}
	r := &replay{index: src.Index, pipe: p, fs: fs}
	for i := range src.Layers {
		if err := r.layer(ctx, i); err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			return &ReuseError{0, err}
		}
	}
	end := alignUp(p.out.regions[src.Layers-1].End)
	shared, err := p.out.take(ctx, src, end)
	if err != nil {
		return err
	}
	all, _ := src.Index.Bytes(src.Layers)
	p.reused = Reused{Layers: src.Layers, Bytes: all, SharedBytes: min(shared, all)}
	return nil
}

func (r *replay) layer(ctx context.Context, i int) error {
	p, l := r.pipe, &r.index.head.Layers[i]
	kept := recordedLayer{skippedXattrs: l.SkippedXattrs}
	var err error
	if kept.blocks, err = r.index.read(l.Blocks); err != nil {
		return err
	}
	if kept.entries, err = r.index.read(l.Entries); err != nil {
		return err
	}
	from := layerCounts{blobs: len(p.blobs), fragments: len(p.fragments)}
	if err := r.blocks(kept.blocks, l.Region); err != nil {
		return err
	}
	if err := r.dead(i, from); err != nil {
		return err
	}
	entries, err := r.entries(kept.entries, i)
	if err != nil {
		return err
	}
	if err := r.fs.apply(ctx, i, entries); err != nil {
		return err
	}
	p.packer.id = uint32(len(p.fragments))
	p.out.regions = append(p.out.regions, l.Region)
	r.fs.skippedXattrs += l.SkippedXattrs
	if p.recorder == nil {
		return nil
	}
	kept.end = layerCounts{blobs: len(p.blobs), fragments: len(p.fragments)}
	p.recorder.repeat(i, kept, uint32(len(r.small)))
	return nil
}

// repeat records a layer as it stands in another index.
func (r *recorder) repeat(layer int, as recordedLayer, smallBlobs uint32) {
	r.layers[layer], r.smallBlobs = as, smallBlobs
}

// copyPiece is how much is copied at a time, bytes: little enough to stay in a
// CPU's own cache between reading, summing and writing.
const copyPiece = 256 << 10

// take makes the file's bytes up to end those of src: shared where the file
// system can, which is not verified, or else read, verified and written.
func (o *output) take(ctx context.Context, src *Reuse, end int64) (shared int64, err error) {
	if end > src.Size || int64(len(src.Sums)) != (src.Size+SumChunk-1)/SumChunk {
		return 0, &ReuseError{0, fmt.Errorf("%w: its size is another", ErrSum)}
	}
	c := chunkCopy{from: src, to: o, end: end, buf: make([]byte, copyPiece)}
	c.cloned = cloneRange(o.dst, src.File, Region{squash.PadSize, end})
	for start := int64(0); start < end; start += SumChunk {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		whole := start+SumChunk <= end
		if !whole || !c.cloned || start == 0 {
			if err := c.chunk(start, whole); err != nil {
				return 0, err
			}
		}
		if whole { // the sum of the first chunk, as of any that changes, is taken at the end
			o.sums.adopt(src.Sums[start/SumChunk])
		}
		o.position = min(start+SumChunk, end)
	}
	if c.cloned {
		shared = end - squash.PadSize
	}
	return shared, nil
}

// chunkCopy copies what stands before end from one file to the other, at the
// same offsets.
type chunkCopy struct {
	from   *Reuse
	to     *output
	end    int64
	cloned bool // it stands there already
	buf    []byte
}

// chunk copies one chunk and verifies it, also what is behind end. That it is
// another than it should be shows when most of it has been written: the file is
// then of no use, as after any error. Only a chunk that is not taken whole has to
// be summed anew.
func (c *chunkCopy) chunk(start int64, whole bool) error {
	var crc uint32
	chunkEnd := min(start+SumChunk, c.from.Size)
	for at := start; at < chunkEnd; at += int64(len(c.buf)) {
		b := c.buf[:min(int64(len(c.buf)), chunkEnd-at)]
		if _, err := c.from.File.ReadAt(b, at); err != nil {
			return &ReuseError{0, fmt.Errorf("reading the file to re-use: %w", err)}
		}
		crc = crc32.Update(crc, castagnoli, b)
		// What stands before the first layer was written at the beginning.
		first := max(at, squash.PadSize)
		if b = b[first-at : max(first, min(at+int64(len(b)), c.end))-at]; len(b) == 0 {
			continue
		}
		if !whole {
			c.to.sums.write(b)
		}
		if c.cloned {
			continue
		}
		if _, err := c.to.dst.WriteAt(b, first); err != nil {
			return fmt.Errorf("writing squashfs: %w", err)
		}
	}
	if crc != c.from.Sums[start/SumChunk].CRC32C {
		return &ReuseError{0, fmt.Errorf("%w: from byte %d", ErrSum, start)}
	}
	return nil
}

// cloneRange lets two files share a range, which has to be aligned to the file
// system's blocks. It reports false where that does not work.
func cloneRange(dst File, src io.ReaderAt, r Region) bool {
	to, okTo := dst.(syscall.Conn)
	from, okFrom := src.(syscall.Conn)
	if !okTo || !okFrom || r.Start == r.End {
		return false
	}
	toConn, err := to.SyscallConn()
	if err != nil {
		return false
	}
	fromConn, err := from.SyscallConn()
	if err != nil {
		return false
	}
	cloned := false
	err = toConn.Control(func(toFD uintptr) {
		_ = fromConn.Control(func(fromFD uintptr) {
			arg := unix.FileCloneRange{
				Src_fd: int64(fromFD), Src_offset: uint64(r.Start), Src_length: uint64(r.End - r.Start), Dest_offset: uint64(r.Start),
			}
			cloned = unix.IoctlFileCloneRange(int(toFD), &arg) == nil
		})
	})
	return err == nil && cloned
}

// checkPresent makes sure that nothing that the merged image uses was punched
// out of the file it was taken from. Call it when the tables have marked what
// lives.
func checkPresent(p *pipeline) error {
	first := int64(math.MaxInt64)
	for _, b := range p.blobs {
		if b.absent && b.live {
			first = b.extent.start
			break
		}
	}
	for _, f := range p.fragments {
		if f.absent && f.live {
			first = min(first, f.start)
			break
		}
	}
	for i, r := range p.out.regions {
		if first < r.End {
			return &ReuseError{i, ErrHidden}
		}
	}
	return nil
}
