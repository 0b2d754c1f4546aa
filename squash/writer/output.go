package writer

import (
	"encoding/binary"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/jrun-hpc/jrun/squash"
)

// output is the file being written and where its next byte goes. Going back
// leaves stale bytes behind, so gaps are always written, and finish cuts off
// what stands beyond the end.
type output struct {
	dst      File
	position int64
	regions  []Region
}

// startData writes what stands between the superblock, which comes last, and
// the first layer's region.
func (o *output) startData(opts Options) error {
	head := make([]byte, squash.PadSize)
	if content := compressorOptions(opts); content != nil {
		h := squash.NewMetadataHeader(len(content), false)
		binary.LittleEndian.PutUint16(head[squash.SuperblockSize:], uint16(h))
		copy(head[squash.SuperblockSize+2:], content)
	}
	return o.write(head)
}

func (o *output) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if _, err := o.dst.WriteAt(p, o.position); err != nil {
		return fmt.Errorf("writing squashfs: %w", err)
	}
	o.position += int64(len(p))
	return nil
}

// align fills up to the next multiple of squash.PadSize with zeros.
func (o *output) align() error {
	gap := -o.position & (squash.PadSize - 1)
	return o.write(make([]byte, gap))
}

// endRegion ends the region of a layer; the next one starts aligned.
func (o *output) endRegion() error {
	var start int64 = squash.PadSize
	if n := len(o.regions); n > 0 {
		start = o.regions[n-1].End + -o.regions[n-1].End&(squash.PadSize-1)
	}
	o.regions = append(o.regions, Region{Start: start, End: o.position})
	return o.align()
}

// finish pads and cuts the file to its final length and writes the superblock.
func (o *output) finish(sb *squash.Superblock) (size int64, err error) {
	sb.BytesUsed = uint64(o.position)
	if err := o.align(); err != nil {
		return 0, err
	}
	if err := o.dst.Truncate(o.position); err != nil {
		return 0, fmt.Errorf("truncating squashfs: %w", err)
	}
	head, err := sb.MarshalBinary()
	if err != nil {
		return 0, fmt.Errorf("encoding superblock: %w", err)
	}
	if _, err := o.dst.WriteAt(head, 0); err != nil {
		return 0, fmt.Errorf("writing superblock: %w", err)
	}
	return o.position, nil
}

// punch turns ranges of the file into zeros, as holes where the file can have
// holes. It returns the sum of their lengths.
func (o *output) punch(dead []Region) (total int64, err error) {
	for _, r := range dead {
		total += r.End - r.Start
		if punchHole(o.dst, r) {
			continue
		}
		if err := o.zero(r); err != nil {
			return total, err
		}
	}
	return total, nil
}

// punchHole reports whether it succeeded. Any failure is answered by writing
// zeros, which brings out a real one.
func punchHole(dst File, r Region) bool {
	file, ok := dst.(syscall.Conn)
	if !ok {
		return false
	}
	conn, err := file.SyscallConn()
	if err != nil {
		return false
	}
	punched := false
	err = conn.Control(func(fd uintptr) {
		const mode = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
		punched = unix.Fallocate(int(fd), mode, r.Start, r.End-r.Start) == nil
	})
	return err == nil && punched
}

func (o *output) zero(r Region) error {
	buf := make([]byte, min(r.End-r.Start, 1<<20))
	for at := r.Start; at < r.End; {
		n := min(r.End-at, int64(len(buf)))
		if _, err := o.dst.WriteAt(buf[:n], at); err != nil {
			return fmt.Errorf("clearing hidden data: %w", err)
		}
		at += n
	}
	return nil
}

// deadExtents lists what no file of the merged image uses, in file order, with
// neighbours joined. Call it when the tables have marked what lives.
func deadExtents(p *pipeline) []Region {
	var dead []Region
	add := func(start, length int64) {
		if n := len(dead); n > 0 && dead[n-1].End == start {
			dead[n-1].End += length
		} else if length > 0 {
			dead = append(dead, Region{Start: start, End: start + length})
		}
	}
	// Both lists are in file order: merge them.
	blobs, fragments := p.blobs, p.fragments
	for len(blobs) > 0 || len(fragments) > 0 {
		if len(fragments) == 0 || len(blobs) > 0 && blobs[0].extent.start < fragments[0].start {
			if !blobs[0].live {
				add(blobs[0].extent.start, blobs[0].extent.stored)
			}
			blobs = blobs[1:]
			continue
		}
		if !fragments[0].live {
			add(fragments[0].start, int64(fragments[0].word.Size()))
		}
		fragments = fragments[1:]
	}
	return dead
}
