package writer

import (
	"encoding/binary"
	"fmt"

	"github.com/jrun-hpc/jrun/squash"
)

// output is the file being written and where its next byte goes. Going back
// leaves stale bytes behind, so gaps are always written, and finish cuts off
// what stands beyond the end.
type output struct {
	dst      File
	position int64
	regions  []Region
	sums     *sums
}

// rewind goes back to an earlier position.
func (o *output) rewind(position int64, before sumMark) {
	o.position = position
	o.sums.rewind(before)
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
	o.sums.write(p)
	o.position += int64(len(p))
	return nil
}

// alignUp is the next multiple of squash.PadSize.
func alignUp(at int64) int64 { return at + -at&(squash.PadSize-1) }

// align fills up to the next multiple of squash.PadSize with zeros.
func (o *output) align() error {
	gap := -o.position & (squash.PadSize - 1)
	return o.write(make([]byte, gap))
}

// endRegion ends the region of a layer; the next one starts aligned.
func (o *output) endRegion() error {
	var start int64 = squash.PadSize
	if n := len(o.regions); n > 0 {
		start = alignUp(o.regions[n-1].End)
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
