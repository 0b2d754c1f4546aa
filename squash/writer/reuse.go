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
	from := layerCounts{blobs: len(p.blobs), fragments: len(p.fragments)}
	if err := r.blocks(i); err != nil {
		return err
	}
	if err := r.dead(i, from); err != nil {
		return err
	}
	entries, err := r.entries(i)
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
	return p.recorder.repeat(r.index, i, layerCounts{blobs: len(p.blobs), fragments: len(p.fragments)}, uint32(len(r.small)))
}

// repeat records a layer as it stands in another index.
func (r *recorder) repeat(x *Index, layer int, end layerCounts, smallBlobs uint32) (err error) {
	l, to := &x.head.Layers[layer], &r.layers[layer]
	r.smallBlobs = smallBlobs
	to.end, to.skippedXattrs = end, l.SkippedXattrs
	if to.entries, err = x.read(l.Entries); err != nil {
		return err
	}
	to.blocks, err = x.read(l.Blocks)
	return err
}

// take makes the file's bytes up to end those of src: shared where the file
// system can, which is not verified, or else read, verified and written.
func (o *output) take(ctx context.Context, src *Reuse, end int64) (shared int64, err error) {
	if end > src.Size || int64(len(src.Sums)) != (src.Size+SumChunk-1)/SumChunk {
		return 0, &ReuseError{0, fmt.Errorf("%w: its size is another", ErrSum)}
	}
	cloned := cloneRange(o.dst, src.File, Region{squash.PadSize, end})
	buf := make([]byte, min(SumChunk, src.Size))
	for start := int64(0); start < end; start += SumChunk {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		sum := src.Sums[start/SumChunk]
		whole := start > 0 && start+SumChunk <= end
		if whole && cloned {
			o.adopt(sum)
			continue
		}
		b := buf[:min(SumChunk, src.Size-start)]
		if _, err := src.File.ReadAt(b, start); err != nil {
			return 0, &ReuseError{0, fmt.Errorf("reading the file to re-use: %w", err)}
		}
		if crc32.Checksum(b, castagnoli) != sum.CRC32C {
			return 0, &ReuseError{0, fmt.Errorf("%w: from byte %d", ErrSum, start)}
		}
		if err := o.takeChunk(b, Region{start, min(start+int64(len(b)), end)}, whole, cloned, sum); err != nil {
			return 0, err
		}
	}
	if cloned {
		shared = end - squash.PadSize
	}
	return shared, nil
}

// adopt makes a whole chunk, which stands in the file already, part of it.
func (o *output) adopt(sum Sum) {
	o.sums.adopt(sum)
	o.position += SumChunk
}

// takeChunk makes the verified bytes b of the range r part of the file. A whole
// chunk need not be hashed twice, what was cloned not be written.
func (o *output) takeChunk(b []byte, r Region, whole, cloned bool, sum Sum) error {
	rest := b[o.position-r.Start : r.End-r.Start]
	switch {
	case cloned: // and not whole: at the beginning and the end
		o.sums.write(rest)
		o.position = r.End
		return nil
	case whole:
		if _, err := o.dst.WriteAt(b, r.Start); err != nil {
			return fmt.Errorf("writing squashfs: %w", err)
		}
		o.adopt(sum)
		return nil
	}
	return o.write(rest)
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
